"""Token buckets that all gateways share, in memory and on a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import redis

from services.gateway.rate.limiter import GRANT_SECONDS, RateLimiter
from shared.adapters.store_redis import RedisBuckets
from shared.contracts.rates import Draw, Rate
from shared.ports import Buckets
from tests.fakes.buckets import FakeBuckets

SLOW = Rate(0.01, 10)  # a bucket that does not fill while a test runs


@pytest.fixture(params=["fake", "redis"])
async def buckets(request: pytest.FixtureRequest) -> AsyncIterator[Buckets]:
    if request.param == "fake":
        yield FakeBuckets()
        return
    real = RedisBuckets(request.getfixturevalue("redis_url"), deadline=2.0)
    yield real
    await real.close()


async def test_a_full_bucket_gives_its_burst_and_then_says_how_long_to_wait(
    buckets: Buckets,
) -> None:
    draws = [await buckets.draw("acme", "tenant", rate=SLOW, wanted=4) for _ in range(4)]

    assert draws[:3] == [Draw(4, 6, 0), Draw(4, 2, 0), Draw(2, 0, 0)]
    assert draws[3].granted == draws[3].left == 0
    assert 95_000 < draws[3].wait_ms <= 100_000


async def test_a_bucket_fills_with_time(buckets: Buckets) -> None:
    fast = Rate(100, 10)
    await buckets.draw("acme", "tenant", rate=fast, wanted=10)
    await asyncio.sleep(0.06)

    draw = await buckets.draw("acme", "tenant", rate=fast, wanted=10)

    assert 5 <= draw.granted <= 10


async def test_the_wait_shrinks_while_the_bucket_fills(buckets: Buckets) -> None:
    rate = Rate(1, 1)
    await buckets.draw("acme", "tenant", rate=rate, wanted=1)
    await asyncio.sleep(0.3)

    draw = await buckets.draw("acme", "tenant", rate=rate, wanted=1)

    assert draw.granted == 0
    assert 0 < draw.wait_ms <= 701


async def test_buckets_of_others_are_others(buckets: Buckets) -> None:
    await buckets.draw("acme", "tenant", rate=SLOW, wanted=10)

    for tenant, name in (("zeta", "tenant"), ("acme", "pages"), ("*", "tenant")):
        assert (await buckets.draw(tenant, name, rate=SLOW, wanted=10)).granted == 10


async def test_what_is_drawn_at_once_is_never_more_than_there_is(buckets: Buckets) -> None:
    draws = await asyncio.gather(
        *(buckets.draw("acme", "tenant", rate=SLOW, wanted=3) for _ in range(20))
    )

    assert sum(draw.granted for draw in draws) == 10


async def test_a_clock_that_was_set_back_locks_nobody_out(redis_url: str) -> None:
    buckets = RedisBuckets(redis_url, deadline=2.0)
    with redis.Redis.from_url(redis_url) as client:
        client.set("wm:{acme}:bucket:tenant", int((time.time() + 9_999) * 1_000_000))

    draw = await buckets.draw("acme", "tenant", rate=SLOW, wanted=1)

    assert (draw.granted, draw.wait_ms) == (0, 100_000)
    await buckets.close()


async def test_a_bucket_nobody_draws_from_leaves_nothing_behind(redis_url: str) -> None:
    buckets = RedisBuckets(redis_url, deadline=2.0)
    await buckets.draw("acme", "tenant", rate=Rate(100, 10), wanted=10)

    with redis.Redis.from_url(redis_url) as client:
        assert 50 < client.pttl("wm:{acme}:bucket:tenant") <= 101
    await buckets.close()


async def test_two_gateways_together_let_pass_what_the_rate_says(redis_url: str) -> None:
    """Both are asked as fast as they can; each may exceed the bucket by one grant."""
    rate, seconds = Rate(400, 200), 1.5
    stores = [RedisBuckets(redis_url, deadline=2.0) for _ in range(2)]
    gateways = [RateLimiter(store, rate, policy="tenant") for store in stores]
    started = time.monotonic()

    async def hammer(gateway: RateLimiter) -> int:
        passed = 0
        while time.monotonic() - started < seconds:
            passed += (await gateway.ask("acme")).passes
            await asyncio.sleep(0.0005)
        return passed

    passed = sum(await asyncio.gather(*(hammer(one) for one in gateways for _ in range(4))))

    took = time.monotonic() - started
    bucket = rate.burst + rate.per_second * took
    slack = len(gateways) * rate.per_second * GRANT_SECONDS
    assert bucket * 0.9 - slack <= passed <= bucket + slack
    for store in stores:
        await store.close()
