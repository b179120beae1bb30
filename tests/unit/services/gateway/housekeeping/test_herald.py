"""The herald on fakes: every end is told by one job, whoever dies on the way."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uuid_utils

from services.gateway.catalogue import Catalogue
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.herald import BATCH, Herald
from services.gateway.metrics import Metrics
from services.gateway.render import Renderer
from services.gateway.webhooks.metrics import WebhookMetrics
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import Redrive
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.operations import (
    Cancel,
    Claim,
    Confirm,
    Fail,
    Fault,
    ListJobs,
    Operation,
    Submit,
    Succeed,
)
from tests.eventually import eventually_async
from tests.fakes.publisher import FakePublisher
from tests.fakes.registry import FakeRegistry, an_entry
from tests.fakes.store import AsyncFakeStore, FakeStore

URL = "https://hooks.example.com/waymark"
A_WHILE = 15_000
FAULT = '{"code":"boom","message":"It broke.","type":"E","retryable":false}'


class MortalStore(AsyncFakeStore):
    """Does so many more operations, and after that none: its process has died."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(store)
        self.left = 1_000_000

    async def do(self, operation: Operation[Any]) -> Any:
        if self.left == 0:
            raise StoreUnavailable
        self.left -= 1
        return await super().do(operation)


class House:
    """One store, one broker, and gateways' heralds on them."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.publisher = FakePublisher()
        self.registry = FakeRegistry(an_entry("webhook.deliver", queue="webhooks"), tenants=["dev"])
        self.metrics = Metrics()
        self.webhooks = WebhookMetrics(self.metrics.registry)
        self.duty = Duty("herald", holder="g1", registry=self.registry)

    def herald(self, store: AsyncFakeStore | None = None) -> Herald:
        return Herald(
            store=store or AsyncFakeStore(self.store),
            publisher=self.publisher,
            registry=self.registry,
            catalogue=Catalogue(registry=self.registry),
            duty=self.duty,
            links=Renderer("https://api.test", "wss://stream.test/v1/stream").links,
            metrics=self.metrics,
            webhooks=self.webhooks,
            retention=3_600_000,
        )

    def submit(self, **facts: Any) -> JobRecord:
        submit = Submit(
            tenant="dev",
            job=str(uuid_utils.uuid7()),
            type="demo.steps",
            type_version=1,
            queue="default",
            priority=5,
            payload="{}",
            max_attempts=3,
            labels={"order": "7"},
            submitted_by="key:dev",
            **{"callback_url": URL, **facts},
        )
        record = self.store.do(submit).job
        assert record
        self.store.do(Confirm(tenant="dev", job=record.id, dispatch=1))
        return record

    def run(self, record: JobRecord, *, result: str | None = None) -> None:
        token = uuid.uuid4().hex
        message = RunJob.of(record)
        self.store.do(Claim(tenant="dev", message=message, token=token, worker="w", lease=15_000))
        if result is not None:
            self.store.do(Succeed(tenant="dev", job=record.id, token=token, result=result))
            return
        fault = Fault(error=FAULT, public=FAULT, outcome=Outcome.FAILED)
        reason = DeadLetterReason.NOT_RETRYABLE
        self.store.do(Fail(tenant="dev", job=record.id, token=token, fault=fault, reason=reason))

    def deliveries(self) -> list[JobRecord]:
        page = self.store.do(ListJobs(tenant="dev", before=None, limit=200))
        return [job for job in page.jobs if job.type == "webhook.deliver"]

    def counted(self, outcome: str) -> float:
        return (
            self.metrics.registry.get_sample_value(
                "waymark_webhooks_callbacks_total", {"outcome": outcome}
            )
            or 0.0
        )


@pytest.fixture
async def house() -> AsyncIterator[House]:
    built = House()
    keeping = asyncio.ensure_future(built.duty.keep())

    async def held() -> bool:
        return built.duty.held

    await eventually_async(held)
    yield built
    keeping.cancel()
    await asyncio.wait([keeping])


async def test_an_end_becomes_a_webhook_that_tells_of_it(house: House) -> None:
    job = house.submit(traceparent="00-aa-bb-01")
    house.run(job, result='{"rows":3}')

    await house.herald().look()

    (delivery,) = house.deliveries()
    told = json.loads(delivery.payload)
    assert told["url"] == URL
    assert told["event_id"] == delivery.id
    assert told["payload"]["type"] == "job.succeeded"
    data = told["payload"]["data"]
    assert (data["id"], data["state"], data["result"]) == (job.id, "succeeded", {"rows": 3})
    assert data["labels"] == {"order": "7"}
    assert data["links"]["self"] == f"https://api.test/v1/jobs/{job.id}"
    assert (delivery.queue, delivery.max_attempts) == ("webhooks", 4)
    assert delivery.labels == {"callback_of": job.id}
    assert delivery.traceparent == "00-aa-bb-01"
    assert delivery.callback_url is None
    assert [message.job for message, _ in house.publisher.sent] == [delivery.id]
    assert house.counted("handed_on") == 1


async def test_a_job_that_asked_for_nothing_is_told_to_nobody(house: House) -> None:
    house.run(house.submit(callback_url=None), result="1")

    await house.herald().look()

    assert house.deliveries() == []


async def test_every_way_to_end_is_told(house: House) -> None:
    house.run(house.submit())
    house.store.do(Cancel(tenant="dev", job=house.submit().id, reason=None))
    late = house.submit(expires_at=house.store.now + 1_000)
    house.store.now += 2_000
    house.run(late, result="1")

    await house.herald().look()

    told = {json.loads(one.payload)["payload"]["type"] for one in house.deliveries()}
    assert told == {"job.failed", "job.cancelled", "job.expired"}


async def test_looking_again_and_again_makes_no_second_webhook(house: House) -> None:
    house.run(house.submit(), result="1")
    herald = house.herald()

    for _ in range(5):
        await herald.look()
        house.store.now += A_WHILE

    assert len(house.deliveries()) == len(house.publisher.sent) == 1


# DueCallbacks, Submit, Confirm, ClearCallback: it dies before each of them, and after the last.
@pytest.mark.parametrize("operations", range(5))
async def test_whoever_dies_on_the_way_the_next_one_comes_to_the_same_webhook(
    house: House, operations: int
) -> None:
    house.run(house.submit(), result="1")
    mortal = MortalStore(house.store)
    mortal.left = operations
    if operations < 4:
        with pytest.raises(StoreUnavailable):
            await house.herald(mortal).look()
    else:
        await house.herald(mortal).look()
    first = [one.id for one in house.deliveries()]

    house.store.now += A_WHILE
    await house.herald().look()
    house.store.now += A_WHILE
    await house.herald().look()

    (delivery,) = house.deliveries()
    assert first in ([], [delivery.id])
    assert {message.job for message, _ in house.publisher.sent} == {delivery.id}
    assert house.counted("handed_on") == 1


async def test_a_delivery_that_runs_already_is_not_published_again(house: House) -> None:
    house.run(house.submit(), result="1")
    mortal = MortalStore(house.store)
    mortal.left = 3  # dies before the entry is cleared
    with pytest.raises(StoreUnavailable):
        await house.herald(mortal).look()
    house.run(house.deliveries()[0], result="{}")

    house.store.now += A_WHILE
    await house.herald().look()

    assert len(house.publisher.sent) == 1
    assert house.deliveries()[0].state is State.SUCCEEDED


async def test_a_broker_that_is_away_is_waited_for(house: House) -> None:
    house.run(house.submit(), result="1")
    house.publisher.failure = BrokerUnavailable()
    await house.herald().look()
    assert (house.counted("failed"), house.counted("handed_on")) == (1, 0)

    house.publisher.failure = None
    house.store.now += A_WHILE
    await house.herald().look()

    assert len(house.deliveries()) == len(house.publisher.sent) == 1
    assert house.counted("handed_on") == 1


async def test_a_job_that_ends_again_after_a_redrive_is_told_again(house: House) -> None:
    job = house.submit()
    house.run(job)
    await house.herald().look()
    redriven = house.store.do(Redrive(tenant="dev", job=job.id, turn="t1")).job
    assert redriven
    house.run(redriven, result="1")
    await house.herald().look()

    newest, oldest = (json.loads(one.payload) for one in house.deliveries())
    assert newest["event_id"] != oldest["event_id"]
    told = {oldest["payload"]["type"], newest["payload"]["type"]}
    assert told == {"job.failed", "job.succeeded"}


async def test_an_end_that_a_redrive_overtook_is_told_without_what_is_gone(house: House) -> None:
    job = house.submit()
    house.run(job)
    house.store.do(Redrive(tenant="dev", job=job.id, turn="t1"))

    await house.herald().look()

    (delivery,) = house.deliveries()
    told = json.loads(delivery.payload)["payload"]
    assert told["type"] == "job.failed"
    assert (told["data"]["state"], told["data"]["error"]) == ("failed", None)


async def test_without_a_worker_that_delivers_the_entries_wait(house: House) -> None:
    house.run(house.submit(), result="1")
    house.registry.entries = [an_entry()]
    herald = house.herald()
    await herald.look()
    assert (house.deliveries(), house.counted("waiting")) == ([], 1)

    house.registry.entries = [an_entry("webhook.deliver", queue="webhooks")]
    await house.herald().look()

    assert len(house.deliveries()) == 1


async def test_many_ends_are_told_in_one_look(house: House) -> None:
    for _ in range(2 * BATCH + 1):
        house.run(house.submit(), result="1")

    await house.herald().look()

    assert len({message.job for message, _ in house.publisher.sent}) == 2 * BATCH + 1


async def test_who_does_not_hold_the_duty_tells_nothing(house: House) -> None:
    house.run(house.submit(), result="1")
    other = Duty("herald", holder="g2", registry=house.registry)
    house.duty = other

    await house.herald().look()

    assert house.deliveries() == []
