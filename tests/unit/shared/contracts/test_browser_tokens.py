"""The browser token: what we sign by hand is what the library would sign, and it reads it."""

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.errors import ExpiredToken, InvalidToken
from shared.contracts.tokens import AUDIENCE, Grant, _read_any, _read_ours, mint, verify

SECRET = "a secret of forty characters, or so it is"
GRANTS = st.builds(
    Grant,
    tenant=st.text(),
    jobs=st.frozensets(st.text(), max_size=5),
    expires_at=st.integers(1, 2**40),
    feed=st.booleans(),
    cancel=st.booleans(),
    id=st.text(),
    key=st.text(),
)


@given(GRANTS)
def test_what_was_minted_is_read_again(grant: Grant) -> None:
    token = mint(grant, secret=SECRET, now=0)

    assert verify(token, secret=SECRET, now=0) == grant


@given(GRANTS)
def test_the_library_sees_an_ordinary_token(grant: Grant) -> None:
    token = mint(grant, secret=SECRET, now=7)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(
        token, SECRET, algorithms=["HS256"], audience=AUDIENCE, options={"verify_exp": False}
    )
    assert claims["jobs"] == sorted(grant.jobs)
    assert (claims["iat"], claims["iss"]) == (7, "waymark")


def test_another_secret_or_another_letter_is_refused() -> None:
    token = mint(Grant(tenant="dev", jobs=frozenset(), expires_at=9), secret=SECRET, now=0)
    head, claims, signature = token.split(".")

    for wrong in (
        mint(Grant(tenant="dev", jobs=frozenset(), expires_at=9), secret=SECRET[1:], now=0),
        f"{head}.{claims[:-1]}.{signature}",
        f"{head}.{claims}.{signature[1:]}",
        f"{head}.{claims}.",
    ):
        with pytest.raises(InvalidToken):
            verify(wrong, secret=SECRET, now=0)


def test_one_that_is_over_says_so() -> None:
    token = mint(Grant(tenant="dev", jobs=frozenset(), expires_at=9), secret=SECRET, now=0)

    with pytest.raises(ExpiredToken):
        verify(token, secret=SECRET, now=9)


@given(GRANTS)
def test_the_short_way_and_the_library_read_the_same(grant: Grant) -> None:
    token = mint(grant, secret=SECRET, now=7)

    assert _read_ours(token, SECRET) == _read_any(token, SECRET) == grant


@pytest.mark.parametrize("claims", [{"iss": "x"}, {"aud": "x"}, {"exp": "soon"}, {"tenant": 7}])
def test_the_short_way_judges_nothing_that_is_not_exactly_ours(claims: dict[str, object]) -> None:
    ours = jwt.decode(
        mint(Grant(tenant="acme", jobs=frozenset(), expires_at=9), secret=SECRET, now=0),
        options={"verify_signature": False},
    )

    assert _read_ours(jwt.encode(ours, SECRET), SECRET) is not None
    assert _read_ours(jwt.encode(ours | claims, SECRET), SECRET) is None
    assert _read_ours(jwt.encode(ours, "x" * 40), SECRET) is None
    assert _read_ours(jwt.encode(ours, SECRET, headers={"kid": "1"}), SECRET) is None
    assert _read_ours("no token", SECRET) is None
    assert _read_ours("ähem.\ud800.x", SECRET) is None
    without = {name: value for name, value in ours.items() if name not in claims}
    assert _read_ours(jwt.encode(without, SECRET), SECRET) is None
