"""What operators did, over HTTP, on fakes: what is noted, who may read it, and how."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services.gateway.audit.trail import MOST_WAITING, AuditTrail
from tests.eventually import eventually_async
from tests.fakes.audit import FakeAudit
from tests.fakes.gateway import FakeGateway, as_key, pointers


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def cancelled(gateway: FakeGateway, key: str = "dev") -> str:
    job = str((await gateway.submit(authorization=as_key(key))).json()["id"])
    answer = await gateway.post(
        f"/v1/jobs/{job}/cancel", {"reason": "mistake"}, authorization=as_key(key)
    )
    assert answer.status_code == 200, answer.text
    return job


async def read(gateway: FakeGateway, query: str = "", **headers: str) -> Any:
    answer = await gateway.get(f"/v1/audit{query}", **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_an_operator_cancels_is_noted_with_who_what_and_why(
    gateway: FakeGateway,
) -> None:
    job = await cancelled(gateway)

    (entry,) = (await read(gateway))["data"]

    assert entry.pop("id")
    assert entry.pop("at").endswith("Z")
    assert entry == {
        "tenant": "dev",
        "by": "key:dev",
        "action": "job.cancel",
        "target": job,
        "reason": "mistake",
    }


async def test_a_service_that_calls_its_own_jobs_off_is_no_operator(gateway: FakeGateway) -> None:
    await cancelled(gateway, key="submitter")

    assert not (await read(gateway))["data"]


async def test_a_campaign_is_noted_when_it_starts_and_when_it_is_aborted(
    gateway: FakeGateway,
) -> None:
    body = {"filter": {}, "reason": "repaired"}
    campaign = (await gateway.post("/v1/dead-letters/redrive", body)).json()["id"]
    await gateway.post("/v1/dead-letters/discard", {"filter": {}, "dry_run": True})
    await gateway.post(f"/v1/dead-letters/campaigns/{campaign}/abort")

    page = await read(gateway, f"?target={campaign}")

    assert [(entry["action"], entry["reason"]) for entry in page["data"]] == [
        ("campaign.abort", None),
        ("dead_letters.redrive", "repaired"),
    ]
    assert len(gateway.audit.entries) == 2


async def test_a_tenant_reads_its_own_log_and_the_platform_everybody_s(
    gateway: FakeGateway,
) -> None:
    mine = await cancelled(gateway)
    other = await cancelled(gateway, key="other")

    async def targets(**headers: str) -> list[str]:
        return [entry["target"] for entry in (await read(gateway, **headers))["data"]]

    assert await targets() == [mine]
    assert await targets(authorization=as_key("other")) == [other]
    assert await targets(authorization=as_key("sre")) == [other, mine]
    assert await targets(authorization=as_key("sre"), waymark_tenant="dev") == [mine]


@pytest.mark.parametrize("key", ["reader", "submitter"])
async def test_only_operators_read_the_log(gateway: FakeGateway, key: str) -> None:
    answer = await gateway.get("/v1/audit", authorization=as_key(key))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_pages_follow_each_other_without_a_hole(gateway: FakeGateway) -> None:
    jobs = [await cancelled(gateway) for _ in range(5)]

    found, answer = [], await gateway.get("/v1/audit?limit=2")
    while True:
        found += [entry["target"] for entry in answer.json()["data"]]
        if not answer.json()["page"]["has_more"]:
            break
        answer = await gateway.get(str(httpx.URL(answer.links["next"]["url"]).raw_path.decode()))

    assert found == jobs[::-1]


async def test_a_filter_leaves_out_what_is_not_asked_for(gateway: FakeGateway) -> None:
    jobs = [await cancelled(gateway) for _ in range(3)]

    one = await read(gateway, f"?target={jobs[1]}&action=job.cancel&by=key:dev")
    none = await read(gateway, f"?target={jobs[1]}&action=job.retry")

    assert [entry["target"] for entry in one["data"]] == [jobs[1]]
    assert none == {"data": [], "page": {"next": None, "has_more": False}}


async def test_an_entry_written_twice_is_shown_once(gateway: FakeGateway) -> None:
    await cancelled(gateway)
    gateway.audit.entries *= 2

    assert len((await read(gateway))["data"]) == 1


@pytest.mark.parametrize(
    ("query", "pointed"),
    [("?limit=0", "/query/limit"), ("?limit=201", "/query/limit"), ("?who=me", "/query/who")],
)
async def test_what_cannot_be_asked_is_refused(
    gateway: FakeGateway, query: str, pointed: str
) -> None:
    answer = await gateway.get(f"/v1/audit{query}")

    assert (answer.status_code, pointers(answer)) == (422, [pointed])


async def test_a_cursor_of_another_list_is_refused(gateway: FakeGateway) -> None:
    for _ in range(2):
        await cancelled(gateway)
    cursor = (await read(gateway, "?limit=1"))["page"]["next"]

    strangers = [
        await gateway.get(f"/v1/audit?cursor={cursor}", authorization=as_key("other")),
        await gateway.get(f"/v1/audit?cursor={cursor}&action=job.cancel"),
        await gateway.get("/v1/audit?cursor=%C3%BC"),
        await gateway.get(f"/v1/jobs?cursor={cursor}"),
    ]

    assert {answer.json()["code"] for answer in strangers} == {"invalid-cursor"}


async def test_a_store_that_is_away_fails_no_deed_and_gets_the_note_later() -> None:
    store, registry = FakeAudit(), CollectorRegistry()
    trail = AuditTrail(store, registry=registry, now_ms=lambda: 1)
    store.away = True

    for number in range(MOST_WAITING + 1):
        await trail.note(
            tenant="dev", by="key:dev", action="job.cancel", target=str(number), reason=None
        )
    store.away = False

    following = asyncio.create_task(trail.follow())

    async def written() -> bool:
        return len(store.entries) == MOST_WAITING

    await eventually_async(written)
    following.cancel()
    assert [entry.target for entry in store.entries[:2]] == ["0", "1"]
    assert registry.get_sample_value("waymark_audit_entries_lost_total") == 1
