"""A real gateway on real nodes shows its queues and lets them rest; the worker is the test's."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import msgspec
import pytest
import redis

from shared.adapters.store_redis import AsyncRedisStore, RedisRegistry, keys
from shared.contracts.catalog import RunningJob
from shared.contracts.commands import RunJob
from shared.contracts.operations import Claim, Read
from tests.eventually import eventually_async
from tests.fakes.gateway import as_key
from tests.fakes.registry import a_worker, an_entry
from tests.integration.gateway_running import A_JOB, RunningGateway, gateway_for
from tests.nodes import Rabbit, Redis

WHY = {"reason": "a test"}


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_for("test-gateway-queues", rabbitmq, redis_node, folder) as running:
        yield running


@pytest.fixture
async def sre(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client() as client:
        client.headers["authorization"] = as_key("sre")
        yield client


@pytest.fixture
async def http(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client() as client:
        yield client


async def announce(gateway: RunningGateway, *running: RunningJob) -> None:
    """Say what a worker of `default` says; `reports` is a queue that nobody has declared."""
    registry = RedisRegistry(gateway.redis_url)
    card = msgspec.structs.replace(a_worker(), busy=len(running), running=running)
    await registry.announce(card, [an_entry(), an_entry("report", queue="reports")])
    await registry.close()


async def read(http: httpx.AsyncClient, path: str, **facts: Any) -> dict[str, Any]:
    """Read until all `facts` are so."""

    async def so() -> dict[str, Any]:
        told: dict[str, Any] = (await http.get(path)).json()
        assert {name: told.get(name) for name in facts} == facts
        return told

    return await eventually_async(so)


async def test_what_waits_runs_and_is_delayed_is_counted_where_it_is(
    gateway: RunningGateway, http: httpx.AsyncClient, sre: httpx.AsyncClient
) -> None:
    waiting = [(await http.post("/v1/jobs", json=A_JOB)).json()["id"] for _ in range(3)]
    await http.post("/v1/jobs", json={**A_JOB, "priority": 9, "delay_seconds": 600})
    store = AsyncRedisStore(gateway.redis_url)
    record = await store.do(Read(tenant="dev", job=waiting[0]))
    assert record is not None
    claimed = Claim(
        tenant="dev", message=RunJob.of(record), token="0" * 32, worker="w1", lease=60_000
    )
    await store.do(claimed)
    await store.close()
    await announce(gateway)

    told = await read(sre, "/v1/queues/default", depth=2)
    own = await read(http, "/v1/queues/default", depth=2)
    await read(sre, "/v1/queues/reports", name="reports")
    listed = (await sre.get("/v1/queues")).json()

    assert told["classes"] == {"high": 0, "normal": 2, "low": 0}
    assert (told["in_flight"], told["scheduled"], told["consumers"]) == (1, 1, 1)
    assert 0 <= told["oldest_age_seconds"] < 60
    assert told["broker"] == {"ready": 3, "consumers": 0}, "the test has not taken its message"
    assert own == {"name": "default", "depth": 2, "paused": None}
    reports = next(queue for queue in listed["data"] if queue["name"] == "reports")
    assert reports["broker"] == {"ready": 0, "consumers": 0}, "not declared is empty"


async def test_a_pause_is_where_workers_and_alerts_look_for_it(
    gateway: RunningGateway, http: httpx.AsyncClient, sre: httpx.AsyncClient
) -> None:
    await announce(gateway)
    paused = await sre.post("/v1/queues/default/pause", json=WHY)
    client = redis.Redis.from_url(gateway.redis_url)
    written = client.hget(keys.PAUSED, "default")
    submitted = await http.post("/v1/jobs", json=A_JOB)

    async def told() -> bool:
        metrics = (await sre.get("/metrics")).text
        return 'waymark_queue_paused{queue="default"} 1.0' in metrics

    await eventually_async(told, within=12)
    noted = (await sre.get("/v1/audit", params={"action": "queue.pause"})).json()["data"]
    resumed = await sre.post("/v1/queues/default/resume", json={})
    seen = await http.get("/v1/queues/default")

    assert (paused.status_code, resumed.status_code) == (200, 200)
    assert (submitted.status_code, seen.json()["paused"]) == (202, None)
    assert isinstance(written, bytes)
    assert {**json.loads(written), "at": 0} == {"by": "key:sre", "reason": "a test", "at": 0}
    assert (noted[0]["target"], noted[0]["by"]) == ("default", "key:sre")
    assert client.hget(keys.PAUSED, "default") is None


async def test_workers_are_shown_with_what_they_run(
    gateway: RunningGateway, sre: httpx.AsyncClient
) -> None:
    job = "01938c5e-0000-7000-8000-000000000001"
    await announce(
        gateway,
        RunningJob(
            tenant="dev", job=job, type="demo.steps", queue="default", attempt=1, since=1_000
        ),
    )

    (worker,) = (await sre.get("/v1/workers")).json()["data"]

    assert worker["running"][0]["job"] == job
    assert worker["slots"] == {"total": 1, "busy": 1, "free": 0}
