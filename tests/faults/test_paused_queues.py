"""A queue paused and resumed over HTTP, under load, while things break."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.eventually import eventually_async
from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

PATH = "/v1/queues/default"
OBEYED_SECONDS = 1.5  # a look every 0.5 s, a tick every 0.25 s, two cores that do much else
RESUMED_SECONDS = 10.0  # until the last of some fifty short jobs has begun
WHY = {"reason": "a test"}


@asynccontextmanager
async def operator(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {stage.house.keys.platform}"}
    async with httpx.AsyncClient(base_url=stage.house.url, headers=headers, timeout=15) as http:
        yield http
        await http.post(f"{PATH}/resume")


async def order(http: httpx.AsyncClient, which: str) -> float:
    """Pause or resume; return when the answer was there."""
    answer = await http.post(f"{PATH}/{which}", json=WHY)
    assert answer.status_code == 200, answer.text
    return time.monotonic()


async def until_depth(http: httpx.AsyncClient, depth: int, *, in_flight: int) -> dict[str, Any]:
    async def there() -> dict[str, Any]:
        told: dict[str, Any] = (await http.get(PATH)).json()
        assert (told["depth"], told["in_flight"]) == (depth, in_flight), told
        return told

    return await eventually_async(there, within=40)


async def at_rest(http: httpx.AsyncClient) -> None:
    """Wait until no worker consumes the queue."""

    async def obeyed() -> bool:
        return bool((await http.get(PATH)).json()["broker"]["consumers"] == 0)

    await eventually_async(obeyed, within=10)


async def test_under_load_nothing_starts_and_nothing_is_lost_though_a_worker_is_killed(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    async with operator(stage) as sre:
        long = await stage.submit_many(http, 2, seconds=4)
        runs = [await stage.run_of(job) for job in long]
        loading = asyncio.create_task(_load(stage, http, seconds=2.5))
        backlog = await stage.submit_many(http, 20, seconds=0.1)
        paused = await order(sre, "pause")
        loaded = await loading
        later = {"type": "witness.act", "payload": {}, "delay_seconds": 1}
        delayed = await http.post("/v1/jobs", json=later)
        cancelled = await http.post(f"/v1/jobs/{loaded.pop()}/cancel", json={})
        stage.house.service(stage.worker_of(runs[0])).kill()
        stage.heal()

        assert (delayed.status_code, cancelled.status_code) == (202, 200)
        told = (await sre.get(PATH)).json()
        assert (told["paused"]["reason"], told["scheduled"]) == ("a test", 0)
        assert told["depth"] >= len(loaded) / 2
        late = [run for run in stage.witness.runs() if run.started > paused + OBEYED_SECONDS]
        resumed = await order(sre, "resume")
        first = await stage.run_of(loaded[-1], after=paused)

    assert not late, "something has begun while its queue was paused"
    assert first.started - resumed < RESUMED_SECONDS
    accepted = [*long, *backlog, *loaded, str(delayed.json()["id"])]
    assert await stage.verdict(http, accepted) == []


async def test_a_pause_outlives_a_store_that_is_wiped(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    async with operator(stage) as sre:
        await order(sre, "pause")
        await at_rest(sre)
        jobs = await stage.submit_many(http, 5, seconds=0.1)
        stage.redis.flush()

        async def reminded() -> bool:
            answer = await sre.get("/v1/queues/default")
            return answer.status_code == 200 and answer.json()["paused"] is not None

        await eventually_async(reminded, within=10)
        assert not [run for run in stage.witness.runs() if run.job in jobs]
        await order(sre, "resume")
        assert await stage.verdict(http, jobs, forgetful=True) == []


async def test_without_rabbitmq_the_queues_are_told_within_3_s_as_far_as_they_are_known(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    async with operator(stage) as sre:
        await order(sre, "pause")
        await at_rest(sre)
        jobs = await stage.submit_many(http, 3, seconds=0.1)
        stage.rabbitmq.freeze()
        asked = time.monotonic()
        frozen = await sre.get("/v1/queues")
        took = time.monotonic() - asked
        stage.rabbitmq.thaw()
        stage.redis.freeze()
        asked = time.monotonic()
        away = await sre.get("/v1/queues")
        took = max(took, time.monotonic() - asked)
        stage.redis.thaw()

        line = next(queue for queue in frozen.json()["data"] if queue["name"] == "default")
        assert (frozen.status_code, line["depth"], line["broker"]) == (200, 3, None)
        assert frozen.json()["unknown"] == [{"field": "broker", "why": "RabbitMQ does not answer."}]
        assert away.status_code == 503
        assert took < 3
        await until_depth(sre, 3, in_flight=0)
        await order(sre, "resume")
        assert await stage.verdict(http, jobs) == []


async def _load(stage: Stage, http: httpx.AsyncClient, *, seconds: float) -> list[str]:
    """Submit short jobs one after the other for so long; every one is accepted."""
    jobs: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        jobs.append(await stage.submit(http, seconds=0.1))
    return jobs
