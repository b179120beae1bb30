"""200 watchers see whole histories while pub/sub connections and the notifier itself are killed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as Client

from shared.adapters.store_redis import AsyncRedisStore
from tests.following import Follower
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

JOBS, WATCHERS, CYCLES = 20, 200, 12


@pytest.fixture
def notifier(redis_url: str, tmp_path: Path) -> Iterator[NotifierProcess]:
    it = NotifierProcess(redis_url, tmp_path / "log")
    it.start()
    yield it
    it.kill()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


async def live_through(job: MovingJob) -> None:
    for _ in range(CYCLES):
        await job.start()
        for _ in range(5):
            await job.report()
            await asyncio.sleep(0.03)
        await job.fail_once()
        await asyncio.sleep(0.1)
    await job.start()
    await job.succeed()


Mischief = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


async def follow_all(
    notifier: NotifierProcess, store: AsyncRedisStore, mischief: Mischief
) -> list[Follower]:
    """Follow every job to its end beside some mischief, which goes on until its event is set."""
    over = asyncio.Event()
    jobs = [MovingJob(store) for _ in range(JOBS)]
    for job in jobs:
        await job.submit()
    token = token_for([job.id for job in jobs])
    followers = [
        Follower(notifier.url, token, jobs[number % JOBS].id) for number in range(WATCHERS)
    ]
    async with asyncio.timeout(60), asyncio.TaskGroup() as makers:
        makers.create_task(mischief(over))
        try:
            async with asyncio.TaskGroup() as lives:
                for follower in followers:
                    lives.create_task(follower.to_the_end())
                for job in jobs:
                    lives.create_task(live_through(job))
        finally:
            over.set()
    steps = 1 + 2 * CYCLES + 2
    for number, follower in enumerate(followers):
        assert follower.client.breaches == []
        assert [step for step, _ in follower.client.history] == list(range(1, steps + 1))
        assert jobs[number % JOBS].steps == steps
    return followers


async def test_histories_are_whole_while_the_feed_is_killed(
    notifier: NotifierProcess, store: AsyncRedisStore, redis_url: str
) -> None:
    killed = 0

    async def kill_feeds(over: asyncio.Event) -> None:
        nonlocal killed
        async with Client.from_url(redis_url) as client:
            while not over.is_set():
                await asyncio.sleep(0.15)
                killed += await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    followers = await follow_all(notifier, store, kill_feeds)

    assert killed >= 10
    assert sum(follower.connections for follower in followers) == WATCHERS  # none was sent away
    assert all(follower.client.snapshots == 1 for follower in followers)


async def test_histories_are_whole_while_the_notifier_is_killed(
    notifier: NotifierProcess, store: AsyncRedisStore
) -> None:
    async def kill_and_restart(_over: asyncio.Event) -> None:
        for _ in range(2):
            await asyncio.sleep(1.0)
            notifier.kill()
            await asyncio.to_thread(notifier.start)

    followers = await follow_all(notifier, store, kill_and_restart)

    assert sum(follower.connections for follower in followers) >= 2 * WATCHERS
    assert all(follower.client.snapshots == 1 for follower in followers)
