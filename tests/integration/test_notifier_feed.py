"""The feed over a WebSocket, on a real notifier and a real Redis."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis
from websockets.asyncio.client import ClientConnection

from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts.operations import ListJobs
from tests.following import greet, hear, open_stream, say
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

StartNotifier = Callable[..., NotifierProcess]


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


async def frames(stream: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [await hear(stream) for _ in range(count)]


def steps(heard: list[dict[str, Any]]) -> list[tuple[str | None, int | None]]:
    return [(frame.get("job"), frame.get("step")) for frame in heard]


async def test_who_read_the_list_is_told_all_that_happened_since(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    first, second = MovingJob(store), MovingJob(store)
    await first.submit()
    page = await store.do(ListJobs(tenant="acme", before=None, limit=10))
    await second.submit()
    await first.start()
    async with open_stream(notifier.url) as stream:
        cursor = {"epoch": page.as_of.epoch, "seq": page.as_of.seq}
        await greet(stream, token_for([], feed=True), {"feed": True, **cursor})
        heard = await frames(stream, 3)
        await second.start()
        now = await hear(stream)

    assert steps(heard) == [(second.id, 1), (first.id, 2), (None, None)]
    assert heard[2] == {"type": "live", "feed": True, "recovered": True, "epoch": cursor["epoch"],
                        "seq": 3}  # fmt: skip
    assert (now["job"], now["step"], now["seq"]) == (second.id, 2, 4)


async def test_a_job_and_the_feed_on_one_stream_are_told_each_event_once(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    job, other = MovingJob(store), MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job.id], feed=True), {"feed": True}, {"job": job.id})
        begun = await frames(stream, 3)
        await job.start()
        await other.submit()
        await job.succeed()
        heard = await frames(stream, 3)
        await say(stream, type="unsubscribe", id=1, subscriptions=[{"feed": True}])
        ended = await hear(stream)

    assert sorted(frame["type"] for frame in begun) == ["live", "live", "snapshot"]
    assert steps(heard) == [(job.id, 2), (other.id, 1), (job.id, 3)]
    assert ended == {"type": "ok", "id": 1}


async def test_a_token_without_the_feed_is_refused(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job.id]))
        await say(stream, type="subscribe", id=1, subscriptions=[{"feed": True}])
        answer = await hear(stream)

    assert (answer["type"], answer["code"], answer["feed"]) == ("error", "forbidden", True)


async def test_a_feed_survives_that_redis_drops_its_listeners(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([], feed=True), {"feed": True})
        await hear(stream)
        with redis.Redis.from_url(redis_url) as admin:
            admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await job.start()
        await job.succeed()
        heard = await frames(stream, 2)

    assert steps(heard) == [(job.id, 2), (job.id, 3)]


async def test_what_pub_sub_loses_is_read_again_at_the_next_event(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([], feed=True), {"feed": True})
        await hear(stream)
        with redis.Redis.from_url(redis_url) as admin:
            admin.hincrby("wm:{acme}:meta", "seq", 1)  # an event that is heard nowhere
        await job.start()
        await job.succeed()
        heard = await frames(stream, 2)

    assert steps(heard) == [(job.id, 2), (job.id, 3)]
    assert "waymark_notifier_holes_total 1.0" in notifier.answer("/metrics")[1]
