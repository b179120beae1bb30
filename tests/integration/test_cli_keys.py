"""`waymark keys` and `waymark audit` against a small fake house on loopback."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.gateway.credentials import Scope, authenticate
from services.gateway.keys.file import parse_keys
from tests.fakes.public_api import AT, FakeHouse
from tests.integration.cli_running import waymark

TEXT = "wm_7Hq2Lw9ZbT4x_a-secret-that-is-shown-once"


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    house = FakeHouse()
    yield house
    house.close()


def a_key(**more: Any) -> dict[str, Any]:
    return {
        "id": "7Hq2Lw9ZbT4x",
        "tenant": "acme",
        "scopes": ["read", "submit"],
        "name": "billing",
        "state": "active",
        "source": "store",
        "created_at": AT,
        "created_by": "key:sre",
        "expires_at": None,
        "rotated_at": None,
        "old_secret_until": None,
        "revoked_at": None,
        "last_used_at": None,
    } | more


def test_a_new_key_stands_alone_on_stdout_and_the_rest_is_said_beside_it(house: FakeHouse) -> None:
    house.answer("POST", "/v1/keys", 201, a_key(key=TEXT))

    ended = waymark(
        *(house, "keys", "create", "--tenant", "acme", "--scopes", "submit, read"),
        *("--name", "billing", "--expires-in", "90d"),
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{TEXT}\n"
    assert "only time" in ended.stderr
    _, _, _, body = house.asked[-1]
    assert body.pop("expires_at").endswith("+00:00")
    assert body == {"tenant": "acme", "scopes": ["submit", "read"], "name": "billing"}


def test_all_keys_are_listed_over_all_pages(house: FakeHouse) -> None:
    pages = [
        {"data": [a_key()], "page": {"next": "c", "has_more": True}},
        {
            "data": [a_key(id="other", state="revoked", last_used_at=AT)],
            "page": {"next": None, "has_more": False},
        },
    ]
    house.answer_in_turn("GET", "/v1/keys", 200, pages)

    ended = waymark(house, "keys", "list", "--tenant", "acme")

    for word in ("7Hq2Lw9ZbT4x", "never", "other", "revoked", "2026-01-01 00:00:00"):
        assert word in ended.stdout
    assert [path for _, path, _, _ in house.asked] == [
        "/v1/keys?limit=200",
        "/v1/keys?limit=200&cursor=c",
    ]
    assert {k.lower(): v for k, v in house.asked[0][2].items()}["waymark-tenant"] == "acme"


def test_a_rotation_says_for_how_long_the_old_secret_works(house: FakeHouse) -> None:
    house.answer("POST", "/v1/keys/7Hq2Lw9ZbT4x/rotate", 200, a_key(key=TEXT, old_secret_until=AT))

    ended = waymark(house, "keys", "rotate", "7Hq2Lw9ZbT4x", "--overlap", "2h", "--reason", "due")

    assert ended.stdout == f"{TEXT}\n"
    assert f"until {AT}" in ended.stderr
    assert house.asked[-1][3] == {"overlap_seconds": 7200, "reason": "due"}


def test_a_key_is_revoked(house: FakeHouse) -> None:
    house.answer("POST", "/v1/keys/7Hq2Lw9ZbT4x/revoke", 200, a_key(state="revoked"))

    ended = waymark(house, "keys", "revoke", "7Hq2Lw9ZbT4x")

    assert ended.returncode == 0, ended.stderr
    assert "7Hq2Lw9ZbT4x of acme revoked" in ended.stdout


def test_a_whole_key_given_for_its_id_is_not_repeated(house: FakeHouse) -> None:
    ended = waymark(house, "keys", "revoke", TEXT)

    assert ended.returncode == 2
    assert "between wm_ and _" in ended.stderr
    assert "secret" not in ended.stderr
    assert not house.asked


def test_the_audit_log_is_read_with_its_filter(house: FakeHouse) -> None:
    entry = {
        "id": "e",
        "at": AT,
        "tenant": None,
        "by": "key:sre",
        "action": "queue.pause",
        "target": "queue:default",
        "reason": "database moves",
    }
    page = {"data": [entry], "page": {"next": "c", "has_more": True}}
    house.answer("GET", "/v1/audit", 200, page)

    table = waymark(house, "audit", "--action", "queue.pause", "--limit", "1")
    lines = waymark(house, "audit", "--json")

    for word in ("(all)", "key:sre", "queue.pause", "database moves", "and more"):
        assert word in table.stdout
    assert house.asked[0][1] == "/v1/audit?action=queue.pause&limit=1"
    assert json.loads(lines.stdout) == entry


def test_a_key_for_the_file_needs_no_house_and_its_entry_is_one_that_fits(
    house: FakeHouse,
) -> None:
    words = ("keys", "for-file", "--tenant", "*", "--scopes", "read,operate", "--name", "sre")

    ended = waymark(house, *words)

    entry = ended.stderr.splitlines()[-1]
    find = parse_keys(f"[{entry}]").get
    headers = {"authorization": f"Bearer {ended.stdout.strip()}", "waymark-tenant": "acme"}
    caller = authenticate(headers, find=find, token_secret="", now_ms=0)
    assert caller.tenant == "acme"
    assert caller.scopes == {Scope.READ, Scope.OPERATE}
    assert not house.asked


def test_scopes_that_are_none_never_leave_the_machine(house: FakeHouse) -> None:
    ended = waymark(house, "keys", "create", "--tenant", "acme", "--scopes", "read write")

    assert ended.returncode == 2
    assert "submit,read,operate" in ended.stderr
    assert not house.asked
