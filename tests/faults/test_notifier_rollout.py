"""A deploy of every notifier, one after another, under load: no client is ever without a stream."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.moving_clients import Mover
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

pytestmark = pytest.mark.slow

JOBS = 20
CLIENTS = 300
CYCLES = 40


@pytest.fixture
def notifiers(redis_url: str, tmp_path: Path) -> Iterator[list[NotifierProcess]]:
    pair = [NotifierProcess(redis_url, tmp_path / f"log-{number}") for number in range(2)]
    for it in pair:
        it.start()
    yield pair
    for it in pair:
        it.kill()


async def live_through(job: MovingJob) -> None:
    for _ in range(CYCLES):
        await job.start()
        await job.report()
        await asyncio.sleep(0.2)
        await job.fail_once()
        await asyncio.sleep(0.1)
    await job.start()
    await job.succeed()


async def test_a_rollout_costs_nobody_a_step_or_a_stream(
    redis_url: str, notifiers: list[NotifierProcess]
) -> None:
    store = AsyncRedisStore(redis_url)
    jobs = [MovingJob(store) for _ in range(JOBS)]
    for job in jobs:
        await job.submit()
    urls = [it.url for it in notifiers]
    movers = [
        Mover(urls[number % 2 :] + urls[: number % 2], token_for([jobs[number % JOBS].id]), job.id)
        for number, job in enumerate(jobs * (CLIENTS // JOBS))
    ]

    async def roll_out() -> None:
        for it in notifiers:
            await asyncio.sleep(2.0)
            assert await asyncio.to_thread(it.stop) == 0
            await asyncio.to_thread(it.start)

    async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
        for mover in movers:
            tasks.create_task(mover.to_the_end())
        for job in jobs:
            tasks.create_task(live_through(job))
        tasks.create_task(roll_out())

    steps = 1 + 2 * CYCLES + 2
    assert [mover.client.breaches for mover in movers if mover.client.breaches] == []
    assert {mover.client.step for mover in movers} == {steps}
    assert sum(mover.moves for mover in movers) >= CLIENTS
    assert [mover.losses for mover in movers if mover.losses] == []
    assert {mover.client.snapshots for mover in movers} == {1}
    await store.close()
