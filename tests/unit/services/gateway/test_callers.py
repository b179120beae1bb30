"""Who is calling, and what that allows."""

import json
import time
from pathlib import Path

import pytest

from services.gateway.credentials import ApiKey, Caller, Scope, authenticate
from services.gateway.keys.file import KeysFile, parse_keys
from services.gateway.refusals import BadHeader, Forbidden, TenantRequired, Unauthenticated
from shared.contracts.errors import ExpiredToken, InvalidToken
from shared.contracts.tokens import Grant, mint, verify
from tests.eventually import eventually
from tests.fakes.gateway import KEYS, TOKEN_SECRET, a_key, as_key

NOW = 1_790_000_000
RING = parse_keys(json.dumps(KEYS))


def call(authorization: str | None, **headers: str) -> Caller:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization is not None:
        spelled["authorization"] = authorization
    return authenticate(spelled, find=RING.get, token_secret=TOKEN_SECRET, now_ms=NOW * 1000)


def token(expires_at: int = NOW + 1, secret: str = TOKEN_SECRET) -> str:
    grant = Grant(tenant="dev", jobs=frozenset({"j"}), expires_at=expires_at, id="t1")
    return f"Bearer {mint(grant, secret=secret, now=NOW - 10)}"


def test_a_key_speaks_for_its_tenant_with_its_scopes() -> None:
    caller = call(as_key("reader"))

    assert (caller.tenant, caller.name) == ("dev", "key:reader")
    assert caller.scopes == {Scope.READ}
    with pytest.raises(Forbidden):
        caller.demand(Scope.SUBMIT, Scope.OPERATE)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Basic d206dw==",
        "Bearer wm_dev_wrong",
        "Bearer wm_dev_",
        "Bearer wm_nobody_dev-secret",
        "Bearer wm__dev-secret",
        "Bearer wm_",
    ],
)
def test_without_a_known_key_nobody_gets_in(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated):
        call(authorization)


def test_a_platform_key_names_its_tenant() -> None:
    assert call(as_key("sre"), waymark_tenant="acme").tenant == "acme"
    with pytest.raises(TenantRequired):
        _ = call(as_key("sre")).tenant
    with pytest.raises(BadHeader):
        call(as_key("sre"), waymark_tenant="ACME}")


@pytest.mark.parametrize("tenant", ["dev", "other"])
def test_a_tenants_key_may_not_name_a_tenant(tenant: str) -> None:
    with pytest.raises(Forbidden):
        call(as_key("dev"), waymark_tenant=tenant)


def test_a_browser_token_has_no_scope_and_one_tenant() -> None:
    caller = call(token())

    assert caller.tenant == "dev"
    assert caller.grant is not None
    with pytest.raises(Forbidden):
        caller.demand(*Scope)
    with pytest.raises(Forbidden):
        call(token(), waymark_tenant="dev")


def test_a_token_that_is_not_ours_or_not_valid_any_more_is_refused() -> None:
    with pytest.raises(ExpiredToken):
        call(token(expires_at=NOW))
    with pytest.raises(InvalidToken):
        call(token(secret="another secret, long enough for HS256 to like it"))
    with pytest.raises(InvalidToken):
        call("Bearer eyJhbGciOiJub25lIn0.e30.")


def test_a_token_from_a_machine_whose_clock_is_ahead_is_taken() -> None:
    minted = int(time.time()) + 30
    grant = Grant(tenant="dev", jobs=frozenset(), expires_at=minted + 60)

    text = mint(grant, secret=TOKEN_SECRET, now=minted)

    assert verify(text, secret=TOKEN_SECRET, now=minted - 30).tenant == "dev"


def test_the_keys_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([a_key("one", tenant="dev")]))
    ring = KeysFile(path)
    assert set(ring.keys()) == {"one"}

    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps([a_key("two", tenant="dev")]))
    newer.replace(path)

    assert eventually(lambda: set(ring.keys()) == {"two"})
    assert ring.complaint is None


@pytest.mark.parametrize(
    "broken",
    [
        "not JSON",
        "{}",
        "[1]",
        json.dumps([{"id": "x"}]),
        json.dumps([a_key("x", tenant="UPPER")]),
        json.dumps([a_key("x_y", tenant="dev")]),
        json.dumps([a_key("x", tenant="dev", scopes=("fly",))]),
        json.dumps([a_key("x", tenant="dev") | {"secret_sha256": "abc"}]),
    ],
)
def test_a_broken_keys_file_locks_nobody_out(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([a_key("one", tenant="dev")]))
    ring = KeysFile(path)
    assert ring.complaint is None

    path.write_text(broken)

    assert eventually(lambda: ring.complaint)
    assert set(ring.keys()) == {"one"}


def test_a_key_does_not_show_its_secret() -> None:
    key = RING["dev"]

    assert isinstance(key, ApiKey)
    assert "dev-secret" not in repr(key)
