"""How many requests of a tenant may pass, on fakes and with a clock that the test holds."""

import asyncio

import pytest

from services.gateway.rate.limiter import AWAY_SECONDS, RateLimiter
from services.gateway.rate.local import MOST_NAMES, LocalBuckets
from services.gateway.rate.standing import Standing
from shared.contracts.rates import Draw, Rate
from shared.ports import Buckets
from tests.fakes.buckets import FakeBuckets

RATE = Rate(1000, 2000)  # a grant is 50


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SlowBuckets(FakeBuckets):
    """Answers only when the test lets it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.go = asyncio.Event()

    async def draw(self, tenant: str, name: str, *, rate: Rate, wanted: int) -> Draw:
        await self.go.wait()
        return await super().draw(tenant, name, rate=rate, wanted=wanted)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(buckets: Buckets, clock: Clock, rate: Rate = RATE) -> RateLimiter:
    return RateLimiter(buckets, rate, policy="tenant", monotonic=clock)


async def test_the_store_is_asked_once_for_many_requests(clock: Clock) -> None:
    buckets = FakeBuckets(clock)
    one = limiter(buckets, clock)

    standings = [await one.ask("acme") for _ in range(500)]

    assert all(standing.passes for standing in standings)
    assert buckets.draws == 10
    assert [standing.left for standing in standings[:3]] == [1999, 1998, 1997]


async def test_requests_at_once_share_one_draw(clock: Clock) -> None:
    buckets = SlowBuckets(clock)
    one = limiter(buckets, clock)
    asking = [asyncio.create_task(one.ask("acme")) for _ in range(20)]
    await asyncio.sleep(0.01)

    buckets.go.set()
    standings = await asyncio.gather(*asking)

    assert all(standing.passes for standing in standings)
    assert buckets.draws == 1


async def test_under_load_nobody_waits_for_a_draw(clock: Clock) -> None:
    buckets = FakeBuckets(clock)
    one = limiter(buckets, clock)
    await one.ask("acme")

    for _ in range(10):
        for _ in range(40):  # of a grant of 50
            assert one.spend("acme") is not None
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert buckets.draws == 11
    spent = 0
    while one.spend("acme"):
        spent += 1
    assert spent <= 50, "it never holds more than a grant"


async def test_two_gateways_pass_no_more_than_the_bucket_and_what_they_hold(clock: Clock) -> None:
    buckets = FakeBuckets(clock)
    both = [limiter(buckets, clock) for _ in range(2)]

    passed = sum([(await both[n % 2].ask("acme")).passes for n in range(5000)])

    assert passed == RATE.burst
    clock.now += 1
    passed = sum([(await both[n % 2].ask("acme")).passes for n in range(5000)])
    assert passed == RATE.per_second


async def test_an_empty_bucket_says_when_to_come_again_and_is_not_asked_meanwhile(
    clock: Clock,
) -> None:
    buckets = FakeBuckets(clock)
    one = limiter(buckets, clock, Rate(0.5, 1))

    standings = [await one.ask("acme") for _ in range(100)]

    assert [standing.passes for standing in standings] == [True] + [False] * 99
    assert (standings[-1].retry_after, standings[-1].left) == (2, 0)
    assert buckets.draws == 2
    clock.now += 2
    assert (await one.ask("acme")).passes


async def test_one_tenant_s_flood_leaves_the_others_alone(clock: Clock) -> None:
    one = limiter(FakeBuckets(clock), clock)
    for _ in range(3000):
        await one.ask("flood")

    assert (await one.ask("acme")).passes


async def test_without_the_store_each_gateway_keeps_the_rate_alone(clock: Clock) -> None:
    buckets = FakeBuckets(clock)
    buckets.away = True
    one = limiter(buckets, clock)

    passed = sum([(await one.ask("acme")).passes for _ in range(5000)])

    assert passed == RATE.burst
    buckets.away = False
    clock.now += AWAY_SECONDS
    assert (await one.ask("acme")).passes
    assert buckets.draws == 1


async def test_a_store_that_hangs_holds_nobody_up_for_long(clock: Clock) -> None:
    one = limiter(SlowBuckets(clock), clock)
    started = asyncio.get_running_loop().time()

    standings = await asyncio.gather(*(one.ask("acme") for _ in range(20)))

    assert all(standing.passes for standing in standings)
    assert asyncio.get_running_loop().time() - started < 0.9


def test_a_local_bucket_gives_its_burst_and_then_its_rate(clock: Clock) -> None:
    buckets = LocalBuckets(Rate(10, 5), monotonic=clock)

    burst = [buckets.take("a").granted for _ in range(7)]

    assert burst == [1] * 5 + [0] * 2
    assert buckets.take("a").wait_ms == 100
    assert buckets.take("b").granted == 1
    clock.now += 0.1
    assert [buckets.take("a").granted for _ in range(2)] == [1, 0]


def test_local_buckets_are_bounded(clock: Clock) -> None:
    buckets = LocalBuckets(Rate(10, 1), monotonic=clock)
    for number in range(MOST_NAMES):
        buckets.take(str(number))
    assert not buckets.take("0").granted

    buckets.take("one more")

    assert not buckets.take("0").granted  # it was asked for last but one
    assert buckets.take("1").granted  # it was forgotten


@pytest.mark.parametrize(
    ("standing", "policy", "left"),
    [
        (Standing("tenant", Rate(5000, 10_000), 9999), '"tenant";q=10000;w=2', "r=9999;t=1"),
        (Standing("tenant", Rate(5000, 10_000), 10_000), '"tenant";q=10000;w=2', "r=10000;t=0"),
        (Standing("token", Rate(0.5, 1), 0, wait=2.0), '"token";q=1;w=2', "r=0;t=2"),
    ],
)
def test_a_standing_is_told_as_the_draft_says(standing: Standing, policy: str, left: str) -> None:
    headers = dict(standing.headers())

    assert headers[b"ratelimit-policy"].decode() == policy
    assert headers[b"ratelimit"].decode().partition(";")[2] == left
