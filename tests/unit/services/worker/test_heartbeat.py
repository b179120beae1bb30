"""Leases are renewed in time, and what the store says on the way reaches the attempt."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.worker.attempts.attempt import Attempt
from services.worker.heartbeat import Pulse
from services.worker.metrics import WorkerMetrics
from shared.contracts.answers import Renewal, RenewalVerdict
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import Heartbeat, Operation
from tests.eventually import eventually_async
from tests.fakes.hands import HandClock
from tests.fakes.jobs import JOB_ID, message, record
from tests.fakes.scripted import ScriptedStore
from tests.fakes.slots import FakeSlots

A = TypeVar("A")
OK = Renewal(verdict=RenewalVerdict.OK)


class AsyncScriptedStore(ScriptedStore):
    """The same answers, on a loop; `before` runs while a question is under way."""

    before: Callable[[], None] = staticmethod(lambda: None)

    async def ask(self, operation: Operation[A]) -> A:
        self.before()
        return super().do(operation)


class OnLoop:
    def __init__(self, store: AsyncScriptedStore) -> None:
        self._store = store

    async def do(self, operation: Operation[A]) -> A:
        return await self._store.ask(operation)


class Scene:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.store = AsyncScriptedStore()
        self.store.answer(Heartbeat, OK)
        self.slots = FakeSlots(self.clock)
        self.attempt = Attempt(
            message=message(), job=record(), token="t" * 32, sent_at=self.clock.now
        )
        self.pulse = Pulse(
            OnLoop(self.store),
            self.slots,
            lambda attempt: Heartbeat(
                tenant="acme", message=attempt.message, token=attempt.token, worker="w", lease=15000
            ),
            WorkerMetrics(CollectorRegistry()),
            freezes_at=lambda sent_at: sent_at + 12.0,
            interval=5.0,
            default_grace=10.0,
            monotonic=self.clock.monotonic,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        with self.pulse.keep(self.attempt):
            task = asyncio.create_task(self.pulse.run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait({task})

    async def beats(self, number: int) -> list[Any]:
        async def counted() -> bool:
            return len(self.store.asked) >= number

        await eventually_async(counted)
        return self.store.asked


async def test_a_lease_is_renewed_every_interval_counted_from_its_claim() -> None:
    scene = Scene()
    async with scene.running():
        await asyncio.sleep(0.6)
        assert scene.store.asked == []
        scene.clock.now += 5.0
        await scene.beats(1)
        await asyncio.sleep(0.6)
        assert len(scene.store.asked) == 1


async def test_the_age_of_a_renewal_counts_from_when_it_was_sent() -> None:
    scene = Scene()

    def slow_answer() -> None:
        scene.clock.now += 2.0

    scene.store.before = slow_answer
    async with scene.running():
        scene.clock.now += 5.0
        await scene.beats(1)
        await eventually_async(_said(lambda: scene.slots.renewals))
    assert scene.slots.renewals == [(JOB_ID, 1005.0)]
    assert scene.attempt.mailbox.freezes_at == 1017.0


async def test_a_renewal_that_is_not_answered_is_repeated_soon_and_renews_nothing() -> None:
    scene = Scene()
    scene.store.answer(Heartbeat, StoreUnavailable(), OK)
    async with scene.running():
        scene.clock.now += 5.0
        await scene.beats(1)
        assert scene.slots.renewals == []
        scene.clock.now += 1.0
        await scene.beats(2)
        await eventually_async(_said(lambda: scene.slots.renewals))


async def test_an_attempt_whose_lease_is_lost_is_told_so() -> None:
    scene = Scene()
    scene.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.LOST))
    async with scene.running():
        scene.clock.now += 5.0
        await eventually_async(_said(lambda: scene.attempt.mailbox.lost))
    assert scene.slots.renewals == []


async def test_the_lease_of_what_has_just_been_settled_is_no_alarm() -> None:
    scene = Scene()
    scene.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.LOST))
    scene.attempt.mailbox.ended = True
    scene.clock.now += 5.0
    with capture_logs() as said:
        async with scene.running():
            await eventually_async(_said(lambda: scene.attempt.mailbox.lost))

    assert [line["log_level"] for line in said] == ["debug"]


async def test_a_store_that_is_too_young_leaves_a_frozen_slot_frozen() -> None:
    scene = Scene()
    scene.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.HOLD))
    async with scene.running():
        scene.clock.now += 5.0
        await scene.beats(1)
        await asyncio.sleep(0.05)
    assert scene.slots.renewals == []
    assert not scene.attempt.mailbox.lost


async def test_a_cancel_is_heard_with_the_grace_that_is_left() -> None:
    scene = Scene()
    asked = Renewal(verdict=RenewalVerdict.OK, cancel_requested_at=1, cancel_in=2_500)
    scene.store.answer(Heartbeat, asked)
    async with scene.running():
        scene.pulse.nudge(JOB_ID)
        await eventually_async(_said(lambda: scene.attempt.mailbox.cancelled))
    order = scene.attempt.mailbox.order
    assert order is not None
    assert order.deadline == scene.clock.now + 2.5


async def test_a_cancel_without_a_grace_gets_the_default_one() -> None:
    scene = Scene()
    scene.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.OK, cancel_requested_at=1))
    async with scene.running():
        scene.pulse.nudge(JOB_ID)
        await eventually_async(_said(lambda: scene.attempt.mailbox.cancelled))
    order = scene.attempt.mailbox.order
    assert order is not None
    assert order.deadline == scene.clock.now + 10.0


async def test_a_nudge_for_another_job_asks_nothing() -> None:
    scene = Scene()
    async with scene.running():
        scene.pulse.nudge("another")
        await asyncio.sleep(0.6)
    assert scene.store.asked == []


async def test_an_ended_attempt_is_not_renewed() -> None:
    scene = Scene()
    async with scene.running():
        pass
    scene.clock.now += 100.0
    assert scene.pulse.attempts == []


def _said(fact: Callable[[], object]) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return bool(fact())

    return ask
