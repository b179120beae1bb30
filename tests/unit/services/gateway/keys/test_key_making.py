"""What a key becomes when it is rotated, revoked, forgotten."""

import pytest

from services.gateway.keys.making import (
    KEPT_MS,
    MOST_SECRETS,
    hashed,
    is_forgettable,
    new_id,
    new_secret,
    revoked,
    rotated,
    state_of,
)
from services.gateway.refusals import TooManySecrets
from shared.contracts.api_keys import StoredKey

NOW = 1_000_000


def a_key(**more: int) -> StoredKey:
    return StoredKey(
        id="k",
        tenant="acme",
        scopes=("read",),
        name="",
        secrets=(hashed("first"),),
        created_at=0,
        created_by="key:sre",
        **more,
    )


def full_key() -> StoredKey:
    """A key with as many valid secrets as it may have."""
    key = a_key()
    for number in range(MOST_SECRETS - 1):
        key = rotated(key, str(number), overlap_ms=1000, now=NOW)
    return key


def test_a_key_is_full_until_an_overlap_has_ended() -> None:
    with pytest.raises(TooManySecrets):
        rotated(full_key(), "new", overlap_ms=1000, now=NOW + 999)

    after = rotated(full_key(), "new", overlap_ms=1000, now=NOW + 1000)

    assert [secret.until for secret in after.secrets] == [None, NOW + 2000]


def test_a_rotation_without_overlap_always_works_and_leaves_one_secret() -> None:
    after = rotated(full_key(), "new", overlap_ms=0, now=NOW)

    assert after.secrets == (hashed("new"),)


def test_a_later_rotation_lets_no_old_secret_live_longer_than_it_was_told() -> None:
    key = rotated(a_key(), "second", overlap_ms=100, now=NOW)

    after = rotated(key, "third", overlap_ms=1000, now=NOW)

    assert [secret.until for secret in after.secrets] == [None, NOW + 1000, NOW + 100]


def test_what_was_revoked_first_is_what_counts() -> None:
    once = revoked(a_key(), now=NOW)

    assert revoked(once, now=NOW + 1) == once
    assert state_of(once, now=0) == "revoked"


@pytest.mark.parametrize(
    ("key", "forgettable"),
    [
        (a_key(), False),
        (a_key(expires_at=NOW), True),
        (a_key(revoked_at=NOW), True),
        (a_key(revoked_at=NOW + 1), False),
        (a_key(expires_at=NOW + 1, revoked_at=NOW), True),
    ],
)
def test_a_key_is_kept_for_a_month_after_it_is_over(key: StoredKey, *, forgettable: bool) -> None:
    assert is_forgettable(key, now=NOW + KEPT_MS) == forgettable


def test_ids_and_secrets_are_letters_and_digits_and_never_the_same() -> None:
    made = {new_id() for _ in range(100)} | {new_secret() for _ in range(100)}

    assert len(made) == 200
    assert all(text.isascii() and text.isalnum() for text in made)
    assert {len(text) for text in made} == {12, 32}
