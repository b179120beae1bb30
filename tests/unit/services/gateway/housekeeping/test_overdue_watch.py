"""Overdue jobs are found and published, on fakes."""

from collections.abc import Collection, Mapping

import msgspec
import pytest

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.overdue import OverdueWatch
from services.gateway.metrics import Metrics
from services.gateway.queues.depths import Depth
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.operations import Confirm, Submit
from tests.fakes.hands import HandClock
from tests.fakes.publisher import FakePublisher
from tests.fakes.registry import FakeRegistry, a_worker
from tests.fakes.store import AsyncFakeStore, FakeStore

JOB = "01938c5e-0000-7000-8000-000000000001"
AFTER = 60.0


class FakeDepths:
    """A broker whose queues are as the test says."""

    def __init__(self) -> None:
        self.depths: dict[str, Depth] = {}
        self.asked: list[list[str]] = []
        self.away = False

    async def read(self, queues: Collection[str]) -> Mapping[str, Depth]:
        if self.away:
            raise BrokerUnavailable
        self.asked.append(list(queues))
        return {queue: self.depths.get(queue, Depth(ready=0, consumers=0)) for queue in queues}

    async def close(self) -> None:
        pass


class House:
    """A tenant with one confirmed job, and the watch."""

    def __init__(self) -> None:
        self.store, self.clock = FakeStore(), HandClock()
        self.publisher, self.depths = FakePublisher(), FakeDepths()
        self.registry = FakeRegistry(tenants=["dev"])
        self.metrics = Metrics()
        self.duty = Duty("sweeper", holder="g1", registry=self.registry)
        self.watch = OverdueWatch(
            store=AsyncFakeStore(self.store),
            publisher=self.publisher,
            registry=self.registry,
            depths=self.depths,
            duty=self.duty,
            metrics=self.metrics,
            after=AFTER,
            monotonic=self.clock.monotonic,
        )
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
            )
        )
        self.store.do(Confirm(tenant="dev", job=JOB, dispatch=1))

    async def passes(self, seconds: int) -> None:
        for _ in range(seconds // 5):
            await self.watch.look()
            self.clock.now += 5
            self.store.now += 5_000
        await self.watch.look()

    @property
    def republished(self) -> float:
        labels = {"reason": "overdue"}
        found = self.metrics.registry.get_sample_value("waymark_jobs_republished_total", labels)
        assert found is not None
        return found


@pytest.fixture
def house() -> House:
    return House()


async def test_a_job_that_waits_in_a_paused_queue_for_days_is_not_lost() -> None:
    house = House()
    # Nobody consumes: the message is ready, and all cards say that their workers serve the queue.
    house.depths.depths["waymark.default"] = Depth(ready=1, consumers=0)
    house.registry.cards.append(a_worker("w1"))
    await house.passes(900)
    house.store.now += 3 * 24 * 3_600_000
    await house.passes(60)

    assert house.publisher.sent == []


async def test_a_job_in_an_empty_queue_is_published_anew_and_confirmed(house: House) -> None:
    await house.passes(70)

    [(message, delay)] = house.publisher.sent
    assert (message.job, message.options.dispatch, delay) == (JOB, 2, 0)
    assert house.store.peek("dev").outbox == {}
    assert house.republished == 1


async def test_only_queues_with_waiting_jobs_are_asked_about(house: House) -> None:
    await house.passes(5)

    assert house.depths.asked == [[], ["waymark.default"]]


async def test_a_job_whose_message_is_ready_waits_on(house: House) -> None:
    house.depths.depths["waymark.default"] = Depth(ready=1, consumers=0)
    await house.passes(600)

    assert house.publisher.sent == []


async def test_a_job_whose_message_a_worker_holds_waits_on(house: House) -> None:
    card = msgspec.structs.replace(a_worker("w1"), held={"dev": (JOB,)})
    house.registry.cards.append(card)
    house.depths.depths["waymark.default"] = Depth(ready=0, consumers=1)
    await house.passes(600)
    assert house.publisher.sent == []

    house.registry.cards.clear()
    house.depths.depths.clear()
    await house.passes(70)
    assert len(house.publisher.sent) == 1


async def test_what_cannot_be_published_stays_in_the_outbox(house: House) -> None:
    house.publisher.failure = BrokerUnavailable()
    await house.passes(70)

    assert list(house.store.peek("dev").outbox) == [JOB]
    assert house.republished == 0


async def test_a_broker_that_does_not_answer_ends_the_round(house: House) -> None:
    house.depths.away = True

    with pytest.raises(BrokerUnavailable):
        await house.watch.look()
