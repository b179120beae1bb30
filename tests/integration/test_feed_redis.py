"""What only a real Redis can do to the feed: freeze, go away, restart, speak nonsense."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis as Client

from shared.adapters.feed_redis import RedisFeed, parse_message
from shared.contracts.errors import StoreUnavailable
from shared.ports import FeedMessage
from tests.eventually import eventually_async
from tests.nodes import Redis

CHANNEL = "wm:{acme}:events"


@pytest.fixture
def heard() -> list[FeedMessage]:
    return []


@pytest.fixture
def gaps() -> list[float]:
    return []


@pytest.fixture
async def new_feed(
    heard: list[FeedMessage], gaps: list[float]
) -> AsyncIterator[Callable[[str], RedisFeed]]:
    feeds: list[RedisFeed] = []

    async def note_gap() -> None:
        gaps.append(time.monotonic())

    def make(url: str) -> RedisFeed:
        feed = RedisFeed(url, ping_seconds=0.3, confirm_seconds=0.5)
        feed.on_message(heard.append)
        feed.on_gap(note_gap)
        feeds.append(feed)
        return feed

    yield make
    for feed in feeds:
        await feed.close()


async def publish(url: str, text: str) -> None:
    client = Client.from_url(url)
    await client.execute_command("SPUBLISH", CHANNEL, text)
    await client.aclose()


async def becomes_ready(feed: RedisFeed) -> None:
    async def is_ready() -> bool:
        return feed.ready

    await eventually_async(is_ready, within=10)


async def stops_being_ready(feed: RedisFeed) -> None:
    async def is_away() -> bool:
        return not feed.ready

    await eventually_async(is_away)


async def test_a_frozen_redis_is_noticed_and_told_of_as_a_gap(
    new_redis: Callable[[], Redis],
    new_feed: Callable[[str], RedisFeed],
    heard: list[FeedMessage],
    gaps: list[float],
) -> None:
    node = new_redis()
    feed = new_feed(node.url)
    await feed.start()
    await feed.subscribe("acme")

    node.freeze()
    await stops_being_ready(feed)
    node.thaw()

    await becomes_ready(feed)
    assert feed.reconnects >= 1
    await publish(node.url, "e1 1 job 1 1 t {}")

    async def arrived() -> bool:
        return len(heard) == 1 and len(gaps) >= 1

    await eventually_async(arrived)


async def test_it_waits_for_a_redis_that_is_not_there_yet(
    new_redis: Callable[[], Redis], new_feed: Callable[[str], RedisFeed], heard: list[FeedMessage]
) -> None:
    node = new_redis()
    node.stop()
    feed = new_feed(node.url)
    await feed.start()

    with pytest.raises(StoreUnavailable):
        await feed.subscribe("acme")
    assert not feed.ready

    node.start()
    await becomes_ready(feed)
    await publish(node.url, "e1 1 job 1 1 t {}")

    async def arrived() -> bool:
        return len(heard) == 1

    await eventually_async(arrived)


async def test_a_restart_is_a_gap_and_every_tenant_comes_back(
    new_redis: Callable[[], Redis],
    new_feed: Callable[[str], RedisFeed],
    heard: list[FeedMessage],
    gaps: list[float],
) -> None:
    node = new_redis()
    feed = new_feed(node.url)
    await feed.start()
    await asyncio.gather(*(feed.subscribe(f"tenant-{number}") for number in range(50)))
    await feed.subscribe("acme")

    node.kill()
    await stops_being_ready(feed)
    node.start()
    await becomes_ready(feed)
    await publish(node.url, "e2 1 job 1 1 t {}")

    async def arrived() -> bool:
        return len(heard) == 1 and len(gaps) == 1

    await eventually_async(arrived)


async def test_what_is_no_event_is_skipped(
    redis_url: str, new_feed: Callable[[str], RedisFeed], heard: list[FeedMessage]
) -> None:
    feed = new_feed(redis_url)
    await feed.start()
    await feed.subscribe("acme")

    for nonsense in ("", "a b c", "e1 one job 1 1 t {}"):
        await publish(redis_url, nonsense)
    await publish(redis_url, "e1 2 job 1 1 t {}")

    async def arrived() -> bool:
        return [message.seq for message in heard] == [2]

    await eventually_async(arrived)
    assert feed.reconnects == 0


async def test_a_wrong_password_keeps_it_from_being_ready(
    redis_url: str, new_feed: Callable[[str], RedisFeed]
) -> None:
    feed = new_feed(redis_url.replace("redis://", "redis://nobody:wrong@"))
    await feed.start()

    with pytest.raises(StoreUnavailable):
        await feed.subscribe("acme")
    assert not feed.ready


def test_a_message_needs_all_its_words() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        parse_message("acme", b"e1 1 job 1 1 t")
