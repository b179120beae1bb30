"""PauseBoard: what is paused, on the fake and on Redis; and a Redis that forgets."""

from collections.abc import AsyncIterator

import pytest
import redis

from shared.adapters.store_redis import RedisPauses, keys
from shared.contracts.queues import NOTHING_PAUSED
from shared.ports import PauseBoard
from tests.fakes.pauses import FakePauses


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    client = redis.Redis.from_url(redis_url)
    client.delete(keys.PAUSED)
    return client


@pytest.fixture(params=["fake", "redis"])
async def board(request: pytest.FixtureRequest) -> AsyncIterator[PauseBoard]:
    if request.param == "fake":
        yield FakePauses()
        return
    request.getfixturevalue("client")
    real = RedisPauses(request.getfixturevalue("redis_url"))
    yield real
    await real.close()


async def test_at_first_nothing_is_paused(board: PauseBoard) -> None:
    assert await board.read() == NOTHING_PAUSED


async def test_a_pause_says_by_whom_why_and_when_and_a_second_changes_nothing(
    board: PauseBoard,
) -> None:
    assert await board.pause("bulk", by="key:sre", reason='the "mailer" is down')
    first = await board.read()
    assert not await board.pause("bulk", by="key:other", reason="me too")

    assert await board.read() == first
    assert (first.queues["bulk"].by, first.queues["bulk"].reason) == (
        "key:sre",
        'the "mailer" is down',
    )
    assert first.queues["bulk"].at > 1_700_000_000_000


async def test_a_resume_takes_one_queue_out_and_a_second_finds_nothing(board: PauseBoard) -> None:
    for queue in ("bulk", "default"):
        await board.pause(queue, by="key:sre", reason="a test")
    assert await board.resume("bulk")
    assert not await board.resume("bulk")

    assert list((await board.read()).queues) == ["default"]


async def test_every_change_makes_a_newer_version(board: PauseBoard) -> None:
    versions = [(await board.read()).version]
    for _ in range(3):
        await board.pause("bulk", by="key:sre", reason="a test")
        versions.append((await board.read()).version)
        await board.resume("bulk")
        versions.append((await board.read()).version)

    assert versions == sorted(set(versions))


async def test_a_store_that_forgot_hears_it_again_from_whoever_knows(
    client: redis.Redis, redis_url: str
) -> None:
    knowing, other = RedisPauses(redis_url), RedisPauses(redis_url)
    await knowing.pause("bulk", by="key:sre", reason="a test")
    before = await knowing.read()
    client.delete(keys.PAUSED)
    assert await other.read() == NOTHING_PAUSED

    assert await knowing.read() == before
    assert await other.read() == before
    await knowing.close()
    await other.close()


async def test_an_older_state_of_things_never_undoes_a_newer(
    client: redis.Redis, redis_url: str
) -> None:
    asleep, awake = RedisPauses(redis_url), RedisPauses(redis_url)
    await asleep.pause("bulk", by="key:sre", reason="a test")
    backup = client.dump(keys.PAUSED)
    assert isinstance(backup, bytes)
    await awake.resume("bulk")

    assert (await asleep.read()).queues == {}
    client.restore(keys.PAUSED, 0, backup, replace=True)  # a failover to a replica that lagged
    assert (await awake.read()).queues == {}
    assert (await asleep.read()).queues == {}
    await asleep.close()
    await awake.close()


async def test_a_store_that_is_full_can_still_be_paused(
    client: redis.Redis, redis_url: str
) -> None:
    board = RedisPauses(redis_url)
    client.config_set("maxmemory", "1mb")
    try:
        assert await board.pause("bulk", by="key:sre", reason="the store is full")
        assert await board.resume("bulk")
    finally:
        client.config_set("maxmemory", "0")
    await board.close()


async def test_what_somebody_wrote_by_hand_is_paused_too(
    client: redis.Redis, redis_url: str
) -> None:
    client.hset(keys.PAUSED, "bulk", "because")
    board = RedisPauses(redis_url)

    assert list((await board.read()).queues) == ["bulk"]
    await board.close()
