"""Bulks over HTTP on real nodes: what arrives, what a broken broker leaves, what a repeat finds."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.eventually import eventually, eventually_async
from tests.integration.gateway_running import A_JOB, Broker, RunningGateway, in_thread
from tests.nodes import Rabbit, Redis

PROMISE_SECONDS = 3.0
MANY = 1000


class Running:
    """A gateway on nodes that may be broken."""

    def __init__(self, folder: Path, rabbit: Rabbit, redis: Redis) -> None:
        self.rabbit, self.redis = rabbit, redis
        self.broker = Broker(rabbit.url)
        self.broker.serve()
        self.gateway = RunningGateway(folder, redis_url=redis.url, amqp_url=rabbit.url)
        self.gateway.start()


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory,
    make_rabbitmq: Callable[[], Rabbit],
    make_redis: Callable[[], Redis],
) -> Iterator[Running]:
    rabbit, redis = make_rabbitmq(), make_redis()
    try:
        rabbit.start()
        redis.start()
        running = Running(tmp_path_factory.mktemp("bulk"), rabbit, redis)
        yield running
        running.gateway.kill()
    finally:
        rabbit.wipe()
        redis.wipe()


@pytest.fixture
async def http(house: Running) -> AsyncIterator[httpx.AsyncClient]:
    await house.gateway.until_ready()
    house.broker.jobs()
    async with house.gateway.client() as client:
        yield client
    house.rabbit.thaw()
    house.redis.thaw()


async def bulk(
    http: httpx.AsyncClient, count: int, *, atomic: bool = False, key: str | None = None
) -> tuple[httpx.Response, float]:
    headers = {} if key is None else {"idempotency-key": key}
    started = time.monotonic()
    body = {"jobs": [A_JOB] * count, "atomic": atomic}
    answer = await http.post("/v1/jobs/bulk", json=body, headers=headers)
    return answer, time.monotonic() - started


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_thousand_jobs_are_each_in_the_broker_once(
    house: Running, http: httpx.AsyncClient, atomic: bool
) -> None:
    answer, _ = await bulk(http, MANY, atomic=atomic)

    accepted = [item["id"] for item in items(answer)]
    assert {item["status"] for item in items(answer)} == {202}
    there = await in_thread(house.broker.jobs)
    assert sorted(there) == sorted(accepted)
    assert len(set(accepted)) == MANY
    state = (await http.get(f"/v1/jobs/{accepted[-1]}")).json()["state"]
    assert state == "queued"


async def test_ten_equal_bulks_at_once_make_the_jobs_of_one(
    house: Running, http: httpx.AsyncClient
) -> None:
    async def until_answered() -> list[str]:
        async def ask() -> list[str]:
            answer, _ = await bulk(http, 30, key="ten-at-once")
            assert answer.status_code == 200, answer.text
            assert {item["status"] for item in items(answer)} == {202}, answer.text
            return [item["id"] for item in items(answer)]

        return await eventually_async(ask, within=20)

    answers = await asyncio.gather(*(until_answered() for _ in range(10)))

    assert len({json.dumps(answer) for answer in answers}) == 1
    assert set(await in_thread(house.broker.jobs)) == set(answers[0])


async def test_a_frozen_broker_leaves_what_a_repeat_finishes(
    house: Running, http: httpx.AsyncClient
) -> None:
    house.rabbit.freeze()
    (keyed, took), (bare, bare_took) = await asyncio.gather(
        bulk(http, 300, key="frozen"), bulk(http, 20)
    )
    house.rabbit.thaw()

    problems = [item["problem"] for item in items(keyed)]
    assert {problem["status"] for problem in problems} == {503}
    assert max(took, bare_took) < PROMISE_SECONDS
    assert int(keyed.headers["retry-after"]) > 0

    async def finished() -> list[str]:
        answer, _ = await bulk(http, 300, key="frozen")
        assert {item["status"] for item in items(answer)} == {202}, answer.text[:2000]
        return [item["id"] for item in items(answer)]

    again = await eventually_async(finished, within=30)
    named = [problem.get("job_id") for problem in problems]
    assert all(job in {None, found} for job, found in zip(named, again, strict=True))
    assert len(set(again)) == 300
    withdrawn = {item["problem"]["job_id"] for item in items(bare)}
    there = set(await in_thread(eventually, house.broker.jobs))
    assert there <= set(again) | withdrawn


async def test_a_frozen_store_is_said_in_time(house: Running, http: httpx.AsyncClient) -> None:
    house.redis.freeze()
    answers = await asyncio.gather(*(bulk(http, 200) for _ in range(4)))
    house.redis.thaw()

    for answer, took in answers:
        assert took < PROMISE_SECONDS
        if answer.status_code == 200:
            assert {item["status"] for item in items(answer)} == {503}
        else:
            assert answer.status_code == 503
