"""The redriver on fakes: who works, at what pace, and what stops it."""

import asyncio
from typing import Any

from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.redriver import Redriver
from services.gateway.metrics import Metrics
from shared.contracts.dead_letters import (
    Action,
    Campaign,
    CampaignState,
    KeepUndecodable,
    ReadCampaign,
    StartCampaign,
)
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.job import DeadLetterReason
from shared.contracts.operations import PLATFORM_TENANT
from tests.eventually import eventually_async
from tests.fakes.dead_letters import bury
from tests.fakes.publisher import FakePublisher
from tests.fakes.registry import FakeRegistry
from tests.fakes.store import AsyncFakeStore, FakeStore

CAMPAIGN = "01938c5e-0000-7000-8000-00000000000a"


class House:
    """A store whose time goes on with the loop's, and one gateway's redriver on it."""

    def __init__(self, registry: FakeRegistry | None = None) -> None:
        self.store = FakeStore()
        self.publisher = FakePublisher()
        self.registry = registry or FakeRegistry(tenants=["dev"])
        self.metrics = Metrics()
        self.duty = Duty("redriver", holder="g1", registry=self.registry)
        self.redriver = Redriver(
            store=AsyncFakeStore(self.store),
            publisher=self.publisher,
            registry=self.registry,
            duty=self.duty,
            metrics=self.metrics,
            letters=LetterMetrics(self.metrics.registry),
        )

    def start(self, matched: int, **changes: Any) -> None:
        facts: dict[str, Any] = {"action": Action.REDRIVE, "rate": 1000.0, "by": "key:ops"}
        asked = StartCampaign(
            tenant="dev", campaign=CAMPAIGN, matched=matched, **{**facts, **changes}
        )
        self.store.do(asked)

    @property
    def campaign(self) -> Campaign:
        found = self.store.do(ReadCampaign(tenant="dev", campaign=CAMPAIGN))
        assert found
        return found

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def __aenter__(self) -> None:
        self._tasks = [
            asyncio.ensure_future(work())
            for work in (self.duty.keep, self.redriver.redrive, self._let_time_pass)
        ]

    async def __aexit__(self, *_fault: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _let_time_pass(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.store.now += 10


async def until_over(house: House) -> None:
    async def over() -> bool:
        return house.campaign.state is not CampaignState.RUNNING

    await eventually_async(over)


async def test_a_campaign_is_worked_off_and_its_messages_are_confirmed() -> None:
    house = House()
    jobs = bury(house.store, "dev", 30)
    house.start(30)

    async with house:
        await until_over(house)

    assert sorted(message.job for message, _ in house.publisher.sent) == sorted(jobs)
    assert not house.store.peek("dev").outbox
    assert house.campaign.done == 30
    assert house.count("waymark_jobs_redriven_total", via="campaign") == 30


async def test_a_discard_needs_no_broker() -> None:
    house = House()
    bury(house.store, "dev", 3)
    house.publisher.ready = False
    house.start(3, action=Action.DISCARD)

    async with house:
        await until_over(house)

    assert house.publisher.sent == []
    assert house.count("waymark_jobs_discarded_total") == 3


async def test_a_redrive_waits_for_the_broker() -> None:
    house = House()
    bury(house.store, "dev", 3)
    house.publisher.ready = False
    house.start(3)

    async with house:
        await asyncio.sleep(1.5)
        assert house.campaign.done == 0
        house.publisher.ready = True
        await until_over(house)

    assert len(house.publisher.sent) == 3


async def test_what_could_not_be_published_stays_in_the_outbox() -> None:
    house = House()
    jobs = bury(house.store, "dev", 3)
    house.publisher.failure = BrokerUnavailable()
    house.start(3)

    async with house:
        await until_over(house)

    assert sorted(house.store.peek("dev").outbox) == sorted(jobs)


async def test_nobody_works_without_the_duty() -> None:
    registry = FakeRegistry(tenants=["dev"])
    registry.leases["redriver"] = ("another", 3_000)
    house = House(registry)
    bury(house.store, "dev", 1)
    house.start(1)

    async with house:
        await asyncio.sleep(1.2)

    assert house.campaign.done == 0
    assert house.count("waymark_dead_letters", reason="not_retryable") == 0


async def test_a_store_that_goes_away_only_holds_it_up() -> None:
    house = House()
    bury(house.store, "dev", 300)
    house.start(300, rate=200.0)

    async with house:

        async def begun() -> bool:
            return bool(house.publisher.sent)

        await eventually_async(begun)
        house.store.away = True
        await asyncio.sleep(0.5)
        house.store.away = False
        await until_over(house)

    assert house.campaign.done == 300
    redrives = {job.redrives for job in house.store.peek("dev").jobs.values()}
    assert redrives == {1}


async def test_what_waits_is_counted_by_reason_undecodable_messages_too() -> None:
    house = House()
    bury(house.store, "dev", 2)
    bury(house.store, "dev", 1, reason=DeadLetterReason.POISON)
    house.store.do(
        KeepUndecodable(tenant=PLATFORM_TENANT, digest="ab", body=b"?", size=1, why="no JSON")
    )

    async with house:

        async def counted() -> bool:
            return house.count("waymark_dead_letters", reason="not_retryable") == 2

        await eventually_async(counted)

    assert house.count("waymark_dead_letters", reason="poison") == 1
    assert house.count("waymark_dead_letters", reason="undecodable") == 1
