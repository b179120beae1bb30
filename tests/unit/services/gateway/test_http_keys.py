"""API keys over HTTP, on fakes: made, used, rotated, revoked, listed, and by whom."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from services.gateway.keys.making import KEPT_MS, MOST_SECRETS
from services.gateway.keys.ring import LEAST_SECONDS
from tests.fakes.gateway import FakeGateway, as_key, pointers

SRE = as_key("sre")
WANTED = {"tenant": "acme", "scopes": ["submit", "read"], "name": "billing"}


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def made(gateway: FakeGateway, **members: Any) -> Any:
    answer = await gateway.post("/v1/keys", WANTED | members, authorization=SRE)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def status(gateway: FakeGateway, key: str, path: str = "/v1/jobs") -> tuple[int, str]:
    answer = await gateway.get(path, authorization=f"Bearer {key}")
    return answer.status_code, answer.json().get("code", "")


async def ask(gateway: FakeGateway, path: str, body: Any = None) -> httpx.Response:
    return await gateway.post(f"/v1/keys/{path}", body, authorization=SRE)


async def listed(gateway: FakeGateway, query: str = "", **headers: str) -> list[Any]:
    answer = await gateway.get(f"/v1/keys{query}", authorization=SRE, **headers)
    assert answer.status_code == 200, answer.text
    data: list[Any] = answer.json()["data"]
    return data


async def test_a_key_is_shown_once_works_at_once_and_its_secret_is_kept_nowhere(
    gateway: FakeGateway,
) -> None:
    answer = await gateway.post("/v1/keys", WANTED, authorization=SRE)

    key = answer.json()
    secret = key["key"].removeprefix(f"wm_{key['id']}_")
    assert answer.headers["location"] == f"http://api.test/v1/keys/{key['id']}"
    read = await gateway.get(answer.headers["location"], authorization=SRE)
    assert read.json() == {name: key[name] for name in key if name != "key"}
    assert answer.headers["cache-control"] == "no-store"
    assert len(secret) == 32
    assert await status(gateway, key["key"]) == (200, "")
    assert secret not in repr(gateway.key_book.keys)
    (entry,) = await listed(gateway, waymark_tenant="acme")
    assert secret not in repr(entry)
    assert {name: entry[name] for name in ("tenant", "scopes", "name", "state", "source")} == {
        "tenant": "acme",
        "scopes": ["read", "submit"],
        "name": "billing",
        "state": "active",
        "source": "store",
    }


async def test_a_key_does_what_its_scopes_say_within_its_tenant(gateway: FakeGateway) -> None:
    reader = (await made(gateway, scopes=["read"]))["key"]
    job = (await gateway.submit()).json()["id"]

    refused = await gateway.submit(authorization=f"Bearer {reader}")

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert await status(gateway, reader, f"/v1/jobs/{job}") == (404, "job-not-found")


@pytest.mark.parametrize("key", ["dev", "reader"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/keys"),
        ("GET", "/v1/keys"),
        ("GET", "/v1/keys/x"),
        ("POST", "/v1/keys/x/rotate"),
        ("POST", "/v1/keys/x/revoke"),
    ],
)
async def test_a_tenant_s_key_has_no_business_with_keys(
    gateway: FakeGateway, key: str, method: str, path: str
) -> None:
    answer = await gateway.client.request(
        method, path, json=WANTED, headers={"authorization": as_key(key)}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not gateway.key_book.keys


async def test_a_revoked_key_is_refused_and_so_is_the_token_it_minted(
    gateway: FakeGateway,
) -> None:
    key = await made(gateway)
    job = await gateway.submit(authorization=f"Bearer {key['key']}")
    token = job.json()["access"]["token"]
    assert (await status(gateway, token, f"/v1/jobs/{job.json()['id']}"))[0] == 200

    revoked = await ask(gateway, f"{key['id']}/revoke", {"reason": "leaked"})
    again = await ask(gateway, f"{key['id']}/revoke")

    assert revoked.json() == again.json()
    assert revoked.json()["state"] == "revoked"
    refusal = await gateway.get("/v1/jobs", authorization=f"Bearer {key['key']}")
    assert (refusal.status_code, refusal.json()["code"]) == (401, "unauthenticated")
    assert "revoked" in refusal.json()["detail"]
    assert await status(gateway, token, f"/v1/jobs/{job.json()['id']}") == (401, "token-revoked")


async def test_only_who_knows_the_secret_is_told_that_a_key_was_revoked(
    gateway: FakeGateway,
) -> None:
    key = await made(gateway)
    await ask(gateway, f"{key['id']}/revoke")

    guess = await gateway.get("/v1/jobs", authorization=f"Bearer wm_{key['id']}_guess")
    unknown = await gateway.get("/v1/jobs", authorization="Bearer wm_nobody_guess")

    assert guess.json()["detail"] == unknown.json()["detail"]


async def test_nobody_sees_by_the_time_it_takes_which_ids_there_are(gateway: FakeGateway) -> None:
    stored = (await made(gateway))["id"]
    took = []
    for id_ in ("dev", stored, "nobody"):
        started = asyncio.get_running_loop().time()
        for _ in range(3):
            assert (await status(gateway, f"wm_{id_}_guess"))[0] == 401
        took.append(asyncio.get_running_loop().time() - started)

    assert max(took) - min(took) < LEAST_SECONDS  # three times that is what a look would add


async def test_after_a_rotation_both_secrets_work_for_the_overlap_and_then_the_new_one(
    gateway: FakeGateway,
) -> None:
    key = await made(gateway)

    new = (await ask(gateway, f"{key['id']}/rotate", {"overlap_seconds": 0.5})).json()

    assert new["id"] == key["id"]
    assert new["key"] != key["key"]
    assert new["old_secret_until"] > new["rotated_at"]
    assert await status(gateway, new["key"]) == (200, "")
    assert await status(gateway, key["key"]) == (200, "")
    await asyncio.sleep(0.6)
    old = await gateway.get("/v1/jobs", authorization=f"Bearer {key['key']}")
    assert (old.status_code, "rotated" in old.json()["detail"]) == (401, True)
    assert await status(gateway, new["key"]) == (200, "")


async def test_a_rotation_without_overlap_ends_every_older_secret(gateway: FakeGateway) -> None:
    key = await made(gateway)
    second = (await ask(gateway, f"{key['id']}/rotate")).json()

    third = (await ask(gateway, f"{key['id']}/rotate", {"overlap_seconds": 0})).json()

    assert third["old_secret_until"] is None
    found = [(await status(gateway, one["key"]))[0] for one in (key, second, third)]
    assert found == [401, 401, 200]


async def test_the_secrets_of_one_key_are_bounded(gateway: FakeGateway) -> None:
    key = (await made(gateway))["id"]

    answers = [await ask(gateway, f"{key}/rotate") for _ in range(MOST_SECRETS)]

    assert [answer.status_code for answer in answers[-2:]] == [200, 409]
    assert answers[-1].json()["code"] == "too-many-secrets"


async def test_a_key_that_is_over_cannot_be_rotated(gateway: FakeGateway) -> None:
    key = (await made(gateway))["id"]
    await ask(gateway, f"{key}/revoke")

    answer = await ask(gateway, f"{key}/rotate")

    assert (answer.status_code, answer.json()["code"]) == (409, "key-not-active")
    assert answer.json()["state"] == "revoked"


async def test_a_key_of_the_file_can_be_read_and_one_that_is_not_there_cannot(
    gateway: FakeGateway,
) -> None:
    of_file = await gateway.get("/v1/keys/dev", authorization=SRE)
    missing = await gateway.get("/v1/keys/nobody", authorization=SRE)

    assert (of_file.json()["source"], of_file.json()["state"]) == ("file", "active")
    assert (missing.status_code, missing.json()["code"]) == (404, "key-not-found")


@pytest.mark.parametrize("deed", ["rotate", "revoke"])
async def test_what_is_not_there_or_lies_in_the_file_is_left_alone(
    gateway: FakeGateway, deed: str
) -> None:
    missing = await ask(gateway, f"nobody/{deed}")
    of_file = await ask(gateway, f"dev/{deed}")

    assert (missing.status_code, missing.json()["code"]) == (404, "key-not-found")
    assert (of_file.status_code, of_file.json()["code"]) == (409, "key-in-file")


@pytest.mark.parametrize(
    ("members", "pointed"),
    [
        ({"tenant": "A B"}, ["/tenant"]),
        ({"tenant": None}, ["/tenant"]),
        ({"scopes": []}, ["/scopes"]),
        ({"scopes": ["fly"]}, ["/scopes"]),
        ({"scopes": "read"}, ["/scopes"]),
        ({"scopes": [["read"]]}, ["/scopes"]),
        ({"expires_at": "2020-01-01T00:00:00Z"}, ["/expires_at"]),
        ({"name": "x" * 129, "secret": "mine"}, ["/name", "/secret"]),
    ],
)
async def test_a_key_that_cannot_be_is_refused_with_its_faults(
    gateway: FakeGateway, members: dict[str, Any], pointed: list[str]
) -> None:
    answer = await gateway.post("/v1/keys", WANTED | members, authorization=SRE)

    assert (answer.status_code, pointers(answer)) == (422, pointed)


async def test_a_platform_key_can_be_made_and_names_its_tenant(gateway: FakeGateway) -> None:
    key = (await made(gateway, tenant="*", scopes=["read"]))["key"]

    without = await gateway.get("/v1/jobs", authorization=f"Bearer {key}")
    named = await gateway.get("/v1/jobs", authorization=f"Bearer {key}", waymark_tenant="dev")

    assert (without.status_code, without.json()["code"]) == (400, "tenant-required")
    assert named.status_code == 200


async def test_every_key_is_listed_page_by_page_those_of_the_file_too(
    gateway: FakeGateway,
) -> None:
    ids = {(await made(gateway))["id"] for _ in range(3)}

    found: list[Any] = []
    answer = await gateway.get("/v1/keys?limit=3", authorization=SRE)
    while True:
        found += answer.json()["data"]
        if not answer.json()["page"]["has_more"]:
            break
        url = httpx.URL(answer.links["next"]["url"])
        answer = await gateway.get(url.raw_path.decode(), authorization=SRE)

    assert [key["id"] for key in found] == sorted(key["id"] for key in found)
    sources = {key["id"]: key["source"] for key in found}
    assert {id_ for id_, source in sources.items() if source == "store"} == ids
    assert {"dev", "sre"} <= {id_ for id_, source in sources.items() if source == "file"}


async def test_who_changes_keys_is_noted_without_the_secret(gateway: FakeGateway) -> None:
    key = await made(gateway)
    await ask(gateway, f"{key['id']}/rotate", {"reason": "yearly"})
    await ask(gateway, f"{key['id']}/revoke", {"reason": "leaked"})

    noted = [(entry.action, entry.reason) for entry in gateway.audit.entries]

    assert noted == [("key.create", None), ("key.rotate", "yearly"), ("key.revoke", "leaked")]
    assert {entry.target for entry in gateway.audit.entries} == {f"key:{key['id']}"}
    assert {(entry.by, entry.tenant) for entry in gateway.audit.entries} == {("key:sre", "acme")}
    assert key["key"] not in repr(gateway.audit.entries)


async def test_without_the_store_file_keys_go_on_and_unknown_ones_are_asked_to_come_again(
    gateway: FakeGateway,
) -> None:
    known = (await made(gateway))["key"]
    gateway.key_book.away = True

    assert await status(gateway, known) == (200, "")
    assert await status(gateway, "wm_dev_dev-secret") == (200, "")
    for guess in ("wm_dev_guess", "wm_nobody_guess"):
        assert await status(gateway, guess) == (503, "store-unavailable")
    refused = await gateway.post("/v1/keys", WANTED, authorization=SRE)
    assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")


async def test_keys_that_were_over_long_ago_make_room_for_new_ones(gateway: FakeGateway) -> None:
    old = (await made(gateway))["id"]
    kept = gateway.key_book.keys[old]
    long_ago = kept.created_at - KEPT_MS - 1
    gateway.key_book.keys[old] = msgspec.structs.replace(kept, revoked_at=long_ago)

    new = (await made(gateway))["id"]

    assert set(gateway.key_book.keys) == {new}


@pytest.mark.parametrize("credential", ["wrong", "wm-dev-secret", "a.b"])
async def test_what_is_no_key_at_all_is_told_so(gateway: FakeGateway, credential: str) -> None:
    answer = await gateway.get("/v1/jobs", authorization=f"Bearer {credential}")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert "wm_<id>_<secret>" in answer.json()["detail"]
