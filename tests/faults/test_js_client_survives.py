"""The JavaScript client while its notifier is killed: no step is lost, by either way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.browser.node_running import are_there, follow, followed, nodes, with_websocket
from tests.eventually import eventually_async
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess

__all__ = ["nodes"]

pytestmark = pytest.mark.slow

CYCLES = 12
KILLED_IN = (3, 7)


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


async def test_a_killed_notifier_costs_the_client_no_step(
    nodes: list[str], notifier: NotifierProcess, store: AsyncRedisStore
) -> None:
    job = MovingJob(store)
    await job.submit()
    ways = [(with_websocket(node), "websocket") for node in nodes] + [([nodes[0]], "sse")]
    async with asyncio.TaskGroup() as group:
        following = [
            group.create_task(asyncio.to_thread(follow, node, way, notifier.url, job.id))
            for node, way in ways
        ]
        group.create_task(_live(job, notifier, len(ways)))

    for done in following:
        told = followed(done.result())
        assert [step for step, _ in told["steps"]] == list(range(1, job.steps + 1))
        assert told["progress"] > 0
        assert told["states"].count("live") >= 2  # it was killed in between


async def _live(job: MovingJob, notifier: NotifierProcess, followers: int) -> None:
    await eventually_async(lambda: asyncio.to_thread(are_there, notifier, followers), within=30)
    for cycle in range(CYCLES):
        if cycle in KILLED_IN:
            await asyncio.to_thread(notifier.kill)
        await job.live_through_one()
        if cycle - 1 in KILLED_IN:
            await asyncio.to_thread(notifier.start)
    await job.start()
    await job.succeed()
