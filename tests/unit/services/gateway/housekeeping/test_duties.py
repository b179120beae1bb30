"""Leases of duties, the sweeper and the archivist, on fakes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.gateway.housekeeping.archivist import Archivist
from services.gateway.housekeeping.dead_letter_queue import last_reason
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.sweeper import Sweeper
from services.gateway.housekeeping.weeder import Weeder
from services.gateway.metrics import Metrics
from shared.contracts.commands import RunJob
from shared.contracts.errors import Unroutable
from shared.contracts.job import DEFAULT_RETENTION
from shared.contracts.lifecycle import State
from shared.contracts.operations import Cancel, Read, Submit
from tests.eventually import eventually_async
from tests.fakes.publisher import FakePublisher
from tests.fakes.registry import FakeRegistry
from tests.fakes.store import AsyncFakeStore, FakeStore

JOB = "01938c5e-0000-7000-8000-000000000001"


class House:
    """The fakes and one gateway's duties on them."""

    def __init__(self, registry: FakeRegistry | None = None, holder: str = "g1") -> None:
        self.store = FakeStore()
        self.publisher = FakePublisher()
        self.registry = registry or FakeRegistry(tenants=["dev"])
        self.metrics = Metrics()
        self.duty = Duty("sweeper", holder=holder, registry=self.registry)
        self.weeder = Weeder(
            store=AsyncFakeStore(self.store),
            registry=self.registry,
            duty=self.duty,
            metrics=self.metrics,
        )
        self.sweeper = Sweeper(
            store=AsyncFakeStore(self.store),
            publisher=self.publisher,
            registry=self.registry,
            duty=self.duty,
            metrics=self.metrics,
            lease_ms=15_000,
        )

    def submit(self, **facts: Any) -> None:
        self.store.do(
            Submit(
                tenant="dev",
                job=JOB,
                type="demo",
                type_version=1,
                queue="default",
                priority=5,
                payload="{}",
                max_attempts=3,
                labels={},
                submitted_by="key:dev",
                **facts,
            )
        )

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def working(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def true(fact: bool) -> bool:
    return fact


async def soon(fact: Callable[[], object]) -> None:
    async def ask() -> bool:
        return bool(fact())

    await eventually_async(ask)


async def test_a_duty_has_one_holder_and_a_released_one_goes_to_the_next() -> None:
    registry = FakeRegistry()
    first = Duty("sweeper", holder="g1", registry=registry)
    second = Duty("sweeper", holder="g2", registry=registry)

    async with working(first.keep):
        await soon(lambda: first.held)
        async with working(second.keep):
            assert not second.held
    await first.release()

    assert not first.held
    assert registry.leases["sweeper"] == ("g1", 1)


async def test_a_duty_that_somebody_else_took_is_not_done_any_more() -> None:
    house = House()

    async with working(house.duty.keep):
        await soon(lambda: house.duty.held)
        house.registry.leases["sweeper"] = ("g2", 3_000)
        await soon(lambda: not house.duty.held)


async def test_a_message_that_was_never_confirmed_is_published_and_confirmed() -> None:
    house = House()
    house.submit()
    house.store.now += 6_000

    async with working(house.duty.keep, house.sweeper.tick, house.sweeper.sweep):
        await soon(lambda: house.publisher.sent)
        await soon(lambda: not house.store.peek("dev").outbox)

    assert [message.job for message, _ in house.publisher.sent] == [JOB]
    assert house.count("waymark_jobs_republished_total", reason="outbox") == 1
    assert house.count("waymark_housekeeping_last_success_timestamp_seconds", duty="sweep") > 0


async def test_nothing_is_published_while_the_broker_is_blocked() -> None:
    house = House()
    house.submit()
    house.store.now += 6_000
    house.publisher.ready = False

    async with working(house.duty.keep, house.sweeper.sweep):
        await soon(
            lambda: house.count("waymark_housekeeping_last_success_timestamp_seconds", duty="sweep")
        )

    assert not house.publisher.sent
    assert JOB in house.store.peek("dev").outbox


async def test_a_sweep_that_hangs_does_not_hold_up_the_tick() -> None:
    house = House()
    house.submit()
    house.store.now += 6_000
    house.publisher.frozen = True

    async with working(house.duty.keep, house.sweeper.sweep, house.sweeper.tick):
        await soon(lambda: house.store.peek("dev").tick is not None)
        seen = house.store.now = house.store.now + 1_000
        await soon(lambda: house.store.peek("dev").tick == seen)


async def test_without_the_lease_nothing_is_swept() -> None:
    registry = FakeRegistry(tenants=["dev"])
    registry.leases["sweeper"] = ("somebody else", 3_000)
    house = House(registry)
    house.submit()
    house.store.now += 6_000

    async with working(house.duty.keep, house.sweeper.sweep, house.sweeper.tick):
        with pytest.raises(AssertionError):
            await eventually_async(lambda: true(bool(house.publisher.sent)), within=1.2)

    assert house.store.peek("dev").tick is None


async def test_a_store_that_is_away_is_waited_for() -> None:
    house = House()
    house.submit()
    house.store.now += 6_000
    house.store.away = True

    async with working(house.duty.keep, house.sweeper.sweep):
        await soon(lambda: house.count("waymark_housekeeping_failures_total", duty="sweep"))
        house.store.away = False
        await soon(lambda: house.publisher.sent)


class Letter:
    """A dead-lettered message."""

    def __init__(self, body: bytes, reason: str | None = "rejected") -> None:
        self.body = body
        self.broker_reason = reason
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Letters:
    """A dead-letter queue with these in it, and then silence."""

    def __init__(self, *letters: Letter) -> None:
        self.letters = letters

    async def arriving(self) -> AsyncGenerator[Letter, None]:
        for letter in self.letters:
            if not letter.acked:
                yield letter
        await asyncio.Event().wait()


def archivist(house: House, *letters: Letter) -> Archivist:
    return Archivist(
        deliveries=Letters(*letters),
        store=AsyncFakeStore(house.store),
        publisher=house.publisher,
        duty=house.duty,
        metrics=house.metrics,
    )


def the_message(house: House) -> bytes:
    record = house.store.do(Read(tenant="dev", job=JOB))
    assert record is not None
    return RunJob.of(record).encode(queue_name="waymark.default", timestamp_ms=0)


async def test_what_the_broker_gave_up_is_published_again_before_its_ack() -> None:
    house = House()
    house.submit()
    letter = Letter(the_message(house), "delivery_limit")

    async with working(house.duty.keep, archivist(house, letter).archive):
        await soon(lambda: letter.acked)

    assert [message.job for message, _ in house.publisher.sent] == [JOB]
    assert house.count("waymark_dead_letter_queue_messages_total", verdict="publish") == 1


async def test_a_letter_about_a_final_job_is_acked_and_changes_nothing() -> None:
    house = House()
    house.submit()
    house.store.peek("dev").jobs[JOB].state = State.FAILED
    letter = Letter(the_message(house))

    async with working(house.duty.keep, archivist(house, letter).archive):
        await soon(lambda: letter.acked)

    assert not house.publisher.sent


async def test_a_letter_is_held_until_it_can_be_filed() -> None:
    house = House()
    house.submit()
    letter = Letter(the_message(house), "delivery_limit")
    house.store.away = True

    async with working(house.duty.keep, archivist(house, letter).archive):
        await soon(lambda: house.count("waymark_housekeeping_failures_total", duty="archive"))
        assert not letter.acked
        house.store.away = False
        await soon(lambda: letter.acked)


async def test_a_letter_that_cannot_be_filed_does_not_hold_up_the_others() -> None:
    house = House()
    house.submit()
    stuck = Letter(the_message(house), "delivery_limit")
    other = Letter(b"not ours")
    house.publisher.failure = Unroutable()

    async with working(house.duty.keep, archivist(house, stuck, other).archive):
        await soon(lambda: other.acked)
        assert not stuck.acked
        house.publisher.failure = None
        await soon(lambda: stuck.acked)


async def test_what_nobody_can_decode_is_kept_before_its_ack() -> None:
    house = House()
    letter = Letter(b"\x00 not one of ours")

    async with working(house.duty.keep, archivist(house, letter).archive):
        await soon(lambda: letter.acked)

    assert house.count("waymark_dead_letter_queue_messages_total", verdict="undecodable") == 1
    labels = {"queue": "", "type": "", "reason": "undecodable"}
    assert house.count("waymark_jobs_dead_lettered_total", **labels) == 1


async def test_what_nobody_can_decode_and_comes_again_is_one_dead_letter() -> None:
    house = House()
    letters = [Letter(b"\x00 not one of ours"), Letter(b"\x00 not one of ours")]

    async with working(house.duty.keep, archivist(house, *letters).archive):
        await soon(lambda: all(letter.acked for letter in letters))

    labels = {"queue": "", "type": "", "reason": "undecodable"}
    assert house.count("waymark_jobs_dead_lettered_total", **labels) == 1


async def test_a_job_that_the_broker_gave_up_for_good_has_failed_and_is_counted_once() -> None:
    house = House()
    house.submit()
    house.store.peek("dev").jobs[JOB].spent = 3
    letters = [Letter(the_message(house), "delivery_limit") for _ in range(2)]

    async with working(house.duty.keep, archivist(house, *letters).archive):
        await soon(lambda: all(letter.acked for letter in letters))

    labels = {"queue": "default", "type": "demo"}
    failed = {"outcome": "failed", "code": "delivery_limit"}
    assert house.count("waymark_jobs_finished_total", **failed, **labels) == 1
    dead = {"reason": "delivery_limit"}
    assert house.count("waymark_jobs_dead_lettered_total", **dead, **labels) == 1


async def test_a_job_that_expires_before_it_is_due_is_counted() -> None:
    house = House()
    house.submit(delay=5_000, expires_at=house.store.now + 5_000)
    house.store.now += 5_000

    async with working(house.duty.keep, house.sweeper.sweep):
        labels = {"queue": "default", "type": "demo", "outcome": "expired", "code": ""}
        await soon(lambda: house.count("waymark_jobs_finished_total", **labels) == 1)


async def test_rounds_are_counted_and_timed_failed_ones_too() -> None:
    house = House()
    assert house.count("waymark_housekeeping_rounds_total", duty="sweep") == 0
    house.store.away = True

    async with working(house.duty.keep, house.sweeper.sweep):
        await soon(lambda: house.count("waymark_housekeeping_rounds_total", duty="sweep") == 1)

    assert house.count("waymark_housekeeping_failures_total", duty="sweep") == 1
    name = "waymark_housekeeping_round_duration_seconds_count"
    assert house.count(name, duty="sweep") == 1


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (None, None),
        ({}, None),
        ({"x-death": "rejected"}, None),
        ({"x-death": [{"reason": "delivery_limit"}, {"reason": "expired"}]}, "delivery_limit"),
    ],
)
def test_the_newest_death_is_the_reason(headers: object, reason: str | None) -> None:
    assert last_reason(headers) == reason


async def test_an_ended_job_is_deleted_when_its_time_is_over_and_counted() -> None:
    house = House()
    house.submit()
    house.store.do(Cancel(tenant="dev", job=JOB, reason=None))
    house.store.now += DEFAULT_RETENTION

    async with working(house.duty.keep, house.weeder.weed):
        await soon(lambda: house.store.do(Read(tenant="dev", job=JOB)) is None)
        await soon(lambda: house.count("waymark_jobs_deleted_total") == 1)

    done = "waymark_housekeeping_last_success_timestamp_seconds"
    assert house.count(done, duty="retention") > 0


async def test_nothing_is_deleted_by_who_has_not_the_duty() -> None:
    house = House(holder="g2")
    await house.registry.acquire("sweeper", "g1", ttl_ms=60_000)
    house.submit()
    house.store.do(Cancel(tenant="dev", job=JOB, reason=None))
    house.store.now += DEFAULT_RETENTION

    async with working(house.duty.keep, house.weeder.weed):
        await asyncio.sleep(0.05)

    assert house.store.do(Read(tenant="dev", job=JOB))


async def test_a_store_away_is_a_failed_round_of_deletions() -> None:
    house = House()
    async with working(house.duty.keep, house.weeder.weed):
        await soon(lambda: house.duty.held)
    house.store.away = True

    async with working(house.weeder.weed):
        failures = "waymark_housekeeping_failures_total"
        await soon(lambda: house.count(failures, duty="retention") > 0)
