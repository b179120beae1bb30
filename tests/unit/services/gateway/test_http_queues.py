"""/v1/queues and /v1/workers over HTTP: who may see what, and who may let a queue rest."""

from pathlib import Path

import httpx
import msgspec
import pytest

from services.gateway.queues.depths import Depth
from shared.contracts.catalog import RunningJob
from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway, as_key
from tests.fakes.registry import a_worker

SRE = as_key("sre")
WHY = {"reason": "the mail provider is down"}


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    gateway = FakeGateway(tmp_path)
    gateway.registry.joined += ["dev", "other"]
    return gateway


async def accept(gateway: FakeGateway, key: str = "dev", **fields: object) -> str:
    body = {"type": "demo.steps", "payload": {"steps": 3}, **fields}
    answer = await gateway.submit(body, authorization=as_key(key))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_a_platform_key_sees_everything(gateway: FakeGateway) -> None:
    for priority in (9, 5, 5, 0):
        await accept(gateway, priority=priority)
    await accept(gateway, "other")
    await accept(gateway, delay_seconds=60)
    gateway.store.now += 2_500
    gateway.depths.known["waymark.default"] = Depth(ready=3, consumers=1)
    gateway.depths.known["waymark.default.low"] = Depth(ready=1, consumers=1)

    answer = await gateway.get("/v1/queues", authorization=SRE)

    assert answer.status_code == 200
    assert answer.json()["unknown"] == []
    bulk, default = answer.json()["data"]
    assert default == {
        "name": "default",
        "depth": 5,
        "classes": {"high": 1, "normal": 3, "low": 1},
        "oldest_age_seconds": 2.5,
        "in_flight": 0,
        "scheduled": 1,
        "retrying": 0,
        "consumers": 1,
        "paused": None,
        "broker": {"ready": 4, "consumers": 2},
    }
    assert (bulk["name"], bulk["depth"], bulk["oldest_age_seconds"]) == ("bulk", 0, None)


async def test_a_platform_key_may_look_at_the_jobs_of_one_tenant(gateway: FakeGateway) -> None:
    await accept(gateway)
    for _ in range(2):
        await accept(gateway, "other")

    answer = await gateway.get(
        "/v1/queues/default", authorization=SRE, **{"Waymark-Tenant": "other"}
    )

    assert (answer.json()["depth"], answer.json()["consumers"]) == (2, 1)


@pytest.mark.parametrize("key", ["dev", "reader"])
async def test_a_tenant_sees_a_name_its_own_depth_and_that_it_is_paused(
    gateway: FakeGateway, key: str
) -> None:
    await accept(gateway)
    for _ in range(3):
        await accept(gateway, "other")
    await gateway.pauses.pause("default", by="key:sre", reason="tenant other floods us")

    listed = await gateway.get("/v1/queues", authorization=as_key(key))
    one = await gateway.get("/v1/queues/default", authorization=as_key(key))

    own = {"name": "default", "depth": 1, "paused": {"at": "2026-09-21T14:13:20.000Z"}}
    assert one.json() == own
    assert listed.json() == {"data": [{"name": "bulk", "depth": 0, "paused": None}, own]}


async def test_a_queue_of_another_tenant_alone_is_not_there(gateway: FakeGateway) -> None:
    await accept(gateway, "other", queue="bulk")
    gateway.registry.cards[:] = [a_worker("w1")]

    async def unseen() -> httpx.Response:
        answer = await gateway.get("/v1/queues/bulk")
        assert answer.status_code == 404
        return answer

    mine = await eventually_async(unseen)
    theirs = await gateway.get("/v1/queues/bulk", authorization=as_key("other"))
    platform = await gateway.get("/v1/queues/bulk", authorization=SRE)

    assert mine.json()["code"] == "queue-not-found"
    assert (theirs.status_code, platform.status_code) == (200, 200)


async def test_without_rabbitmq_what_the_store_knows_is_told_and_the_rest_is_null(
    gateway: FakeGateway,
) -> None:
    await accept(gateway)
    gateway.depths.away = True

    listed = await gateway.get("/v1/queues", authorization=SRE)
    one = await gateway.get("/v1/queues/default", authorization=SRE)

    assert (listed.status_code, listed.json()["data"][1]["depth"]) == (200, 1)
    assert {queue["broker"] for queue in listed.json()["data"]} == {None}
    why = [{"field": "broker", "why": "RabbitMQ does not answer."}]
    assert listed.json()["unknown"] == one.json()["unknown"] == why


async def test_rabbitmq_is_asked_once_for_all_who_look_at_the_same_moment(
    gateway: FakeGateway,
) -> None:
    for _ in range(5):
        await gateway.get("/v1/queues", authorization=SRE)

    assert gateway.depths.looks == 1


async def test_without_the_store_it_is_503(gateway: FakeGateway) -> None:
    gateway.registry.away = True

    answer = await gateway.get("/v1/queues", authorization=SRE)

    assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")


async def test_a_pause_says_who_and_why_and_is_noted(gateway: FakeGateway) -> None:
    answer = await gateway.post("/v1/queues/bulk/pause", WHY, authorization=SRE)

    paused = {"by": "key:sre", "reason": WHY["reason"], "at": "2026-09-21T14:13:20.000Z"}
    assert (answer.status_code, answer.json()["paused"]) == (200, paused)
    assert (await gateway.get("/v1/queues/bulk", authorization=SRE)).json()["paused"] == paused
    noted = await gateway.get("/v1/audit", authorization=SRE)
    entry = noted.json()["data"][0]
    told = (entry["action"], entry["target"], entry["by"], entry["reason"], entry["tenant"])
    assert told == ("queue.pause", "bulk", "key:sre", WHY["reason"], None)


async def test_a_second_pause_changes_nothing_and_is_not_noted(gateway: FakeGateway) -> None:
    first = await gateway.post("/v1/queues/bulk/pause", WHY, authorization=SRE)
    again = {"reason": "something else"}
    second = await gateway.post("/v1/queues/bulk/pause", again, authorization=SRE)

    assert (second.status_code, second.json()) == (200, first.json())
    assert len((await gateway.get("/v1/audit", authorization=SRE)).json()["data"]) == 1


async def test_a_resume_lets_it_go_on_with_or_without_a_word(gateway: FakeGateway) -> None:
    for body in ({"reason": "it is back"}, {}, None):
        await gateway.post("/v1/queues/bulk/pause", WHY, authorization=SRE)
        answer = await gateway.post("/v1/queues/bulk/resume", body, authorization=SRE)
        assert (answer.status_code, answer.json()["paused"]) == (200, None)
    again = await gateway.post("/v1/queues/bulk/resume", authorization=SRE)

    assert again.status_code == 200
    entries = (await gateway.get("/v1/audit", authorization=SRE)).json()["data"]
    resumes = [entry["reason"] for entry in entries if entry["action"] == "queue.resume"]
    assert resumes == [None, None, "it is back"]


async def test_a_submit_to_a_paused_queue_is_taken(gateway: FakeGateway) -> None:
    await gateway.post("/v1/queues/default/pause", WHY, authorization=SRE)

    await accept(gateway)

    assert (await gateway.get("/v1/queues/default")).json()["depth"] == 1


async def test_a_paused_queue_that_nobody_serves_any_more_can_go_on(gateway: FakeGateway) -> None:
    await gateway.post("/v1/queues/bulk/pause", WHY, authorization=SRE)
    gateway.registry.cards.clear()

    answer = await gateway.post("/v1/queues/bulk/resume", authorization=SRE)

    assert (answer.status_code, answer.json()["paused"]) == (200, None)
    assert "bulk" not in (await gateway.pauses.read()).queues


@pytest.mark.parametrize("order", ["pause", "resume"])
async def test_only_a_platform_key_that_may_operate_gives_orders(
    gateway: FakeGateway, order: str
) -> None:
    for key in ("dev", "reader", "submitter"):
        refused = await gateway.post(f"/v1/queues/default/{order}", WHY, authorization=as_key(key))
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    unknown = await gateway.post(f"/v1/queues/nowhere/{order}", WHY, authorization=SRE)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "queue-not-found")


@pytest.mark.parametrize("body", [None, {}, {"reason": None}, {"reason": "  "}, {"reason": 1}])
async def test_a_pause_without_a_reason_is_refused(
    gateway: FakeGateway, body: dict[str, object] | None
) -> None:
    answer = await gateway.post("/v1/queues/default/pause", body, authorization=SRE)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/reason"
    assert (await gateway.pauses.read()).queues == {}


async def test_a_key_that_may_only_submit_and_a_browser_token_see_no_queue(
    gateway: FakeGateway,
) -> None:
    minted = await gateway.post("/v1/tokens", {"feed": True})
    token = f"Bearer {minted.json()['token']}"
    for credential in (as_key("submitter"), token):
        for path in ("/v1/queues", "/v1/queues/default", "/v1/workers"):
            assert (await gateway.get(path, authorization=credential)).status_code == 403


async def test_workers_say_who_they_are_and_what_they_run(gateway: FakeGateway) -> None:
    running = RunningJob(
        tenant="dev", job="job-1", type="demo.steps", queue="default", attempt=2, since=1_000
    )
    gateway.registry.cards[:] = [
        msgspec.structs.replace(
            a_worker("w1"), slots=4, busy=1, version="v7", running=(running,), seen_at=2_000
        ),
        msgspec.structs.replace(a_worker("w2"), draining=True),
    ]

    answer = await gateway.get("/v1/workers", authorization=SRE)

    first, second = answer.json()["data"]
    assert first == {
        "id": "w1",
        "host": "h",
        "pid": 1,
        "version": "v7",
        "started_at": "1970-01-01T00:00:00.000Z",
        "seen_at": "1970-01-01T00:00:02.000Z",
        "draining": False,
        "queues": ["default"],
        "types": ["demo.steps"],
        "slots": {"total": 4, "busy": 1, "free": 3},
        "running": [
            {
                "job": "job-1",
                "tenant": "dev",
                "type": "demo.steps",
                "queue": "default",
                "attempt": 2,
                "started_at": "1970-01-01T00:00:01.000Z",
            }
        ],
    }
    assert second["draining"]
    queue = await gateway.get("/v1/queues/default", authorization=SRE)
    assert queue.json()["consumers"] == 1, "one that drains takes no more jobs"


async def test_a_tenant_learns_nothing_of_the_workers(gateway: FakeGateway) -> None:
    answer = await gateway.get("/v1/workers")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
