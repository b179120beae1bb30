"""One suite for EventFeed: the fake and Redis keep the same promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from shared.adapters.feed_redis import RedisFeed
from shared.ports import EventFeed, FeedMessage
from tests.eventually import eventually_async
from tests.fakes.feed import FakeFeed, read_event

FRAME = '{"type":"transition","text":"with spaces, {braces} and é"}'


@dataclass
class World:
    """A feed, how to publish to it, how to break it, and what it has said."""

    feed: EventFeed
    send: Callable[[str, str], Awaitable[None]]
    cut: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]
    heard: list[FeedMessage] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)  # how much had been heard at each gap

    async def emit(self, tenant: str, seq: int, kind: str = "t") -> None:
        await self.send(f"wm:{{{tenant}}}:events", f"e1 {seq} job-{seq} {seq + 5} 3 {kind} {FRAME}")

    async def hears(self, *seqs: int) -> None:
        async def all_there() -> bool:
            assert [message.seq for message in self.heard] == list(seqs)
            return True

        await eventually_async(all_there)


@pytest.fixture(params=["fake", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    making = _fake() if request.param == "fake" else _redis(request.getfixturevalue("redis_url"))
    async for it in making:
        it.feed.on_message(it.heard.append)

        async def note_gap(it: World = it) -> None:
            it.gaps.append(len(it.heard))

        it.feed.on_gap(note_gap)
        yield it


async def _fake() -> AsyncIterator[World]:
    feed = FakeFeed()

    async def send(channel: str, text: str) -> None:
        feed.publish(read_event(channel, text))

    async def cut() -> None:
        feed.cut()

    yield World(feed, send, cut, feed.mend)


async def _redis(url: str) -> AsyncIterator[World]:
    feed, client = RedisFeed(url), Redis.from_url(url)

    async def send(channel: str, text: str) -> None:
        await client.execute_command("SPUBLISH", channel, text)

    async def cut() -> None:
        await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    async def mend() -> None:
        async def is_back() -> bool:
            return feed.ready

        await eventually_async(is_back)

    await feed.start()
    yield World(feed, send, cut, mend)
    await feed.close()
    await client.aclose()


async def test_an_event_arrives_whole_once_subscribe_has_returned(world: World) -> None:
    await world.feed.subscribe("acme")

    await world.emit("acme", 7)
    await world.emit("acme", 8, kind="p")

    await world.hears(7, 8)
    assert world.heard[0] == FeedMessage(
        tenant="acme",
        epoch="e1",
        seq=7,
        job="job-7",
        revision=12,
        step=3,
        transition=True,
        frame=FRAME.encode(),
    )
    assert not world.heard[1].transition


async def test_events_of_a_tenant_keep_their_order(world: World) -> None:
    await world.feed.subscribe("acme")

    for seq in range(200):
        await world.emit("acme", seq)

    await world.hears(*range(200))


async def test_nothing_arrives_of_a_tenant_nobody_asked_for(world: World) -> None:
    await world.feed.subscribe("acme")

    await world.emit("other", 1)
    await world.emit("acme", 2)

    await world.hears(2)


async def test_subscribing_twice_delivers_once(world: World) -> None:
    await asyncio.gather(world.feed.subscribe("acme"), world.feed.subscribe("acme"))
    await world.feed.subscribe("acme")

    await world.emit("acme", 1)
    await world.emit("acme", 2)

    await world.hears(1, 2)


async def test_a_tenant_unsubscribed_is_heard_no_more(world: World) -> None:
    await world.feed.subscribe("acme")
    await world.feed.subscribe("other")
    await world.feed.unsubscribe("acme")

    await world.emit("acme", 1)
    await world.emit("other", 2)

    await world.hears(2)


async def test_a_tenant_can_come_back_at_once(world: World) -> None:
    await world.feed.subscribe("acme")
    for _ in range(5):
        await world.feed.unsubscribe("acme")
        await world.feed.subscribe("acme")

    await world.emit("acme", 1)

    await world.hears(1)
    assert world.gaps == []


async def test_unsubscribing_a_stranger_is_nothing(world: World) -> None:
    await world.feed.unsubscribe("nobody")
    await world.feed.subscribe("acme")
    await world.emit("acme", 1)

    await world.hears(1)


async def test_a_lost_connection_is_told_of_after_all_tenants_are_back(world: World) -> None:
    await world.feed.subscribe("acme")
    await world.feed.subscribe("other")

    await world.cut()
    await world.mend()

    async def a_gap() -> bool:
        return bool(world.gaps)

    await eventually_async(a_gap)
    await world.emit("acme", 1)
    await world.emit("other", 2)
    await world.hears(1, 2)
    assert world.gaps == [0]


async def test_no_gap_is_told_of_while_nothing_broke(world: World) -> None:
    await world.feed.subscribe("acme")
    await world.emit("acme", 1)

    await world.hears(1)
    assert world.gaps == []


async def test_a_subscribe_during_an_outage_returns_when_it_is_over(world: World) -> None:
    await world.feed.subscribe("acme")
    await world.cut()
    waiting = asyncio.create_task(world.feed.subscribe("other"))

    await world.mend()

    await asyncio.wait_for(waiting, 5)
    await world.emit("other", 1)
    await world.hears(1)
