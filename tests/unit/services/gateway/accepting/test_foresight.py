"""While the broker works on a batch, each may make ready what will be told if it confirms."""

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from services.gateway.accepting.gathering import Told
from services.gateway.accepting.outcomes import Outcome
from services.gateway.refusals import KeyReused, Unavailable
from shared.contracts.commands import RunJob
from shared.contracts.errors import WaymarkError
from shared.contracts.operations import Submit
from tests.eventually import eventually_async
from tests.fakes.publisher import FakePublisher
from tests.unit.services.gateway.accepting.accepting_house import (
    House,
    a_job,
    a_key,
    in_time,
    kind,
    true,
)


class HeldPublisher(FakePublisher):
    """Has what it was given, and confirms when told."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.go = asyncio.Event()

    async def publish_many(
        self, messages: Sequence[tuple[RunJob, int]]
    ) -> Sequence[WaymarkError | None]:
        self.given += len(messages)
        await self.go.wait()
        return await super().publish_many(messages)


class Client:
    """One who makes his answer ready."""

    def __init__(self, house: House, job: Submit) -> None:
        self.foreseen: list[tuple[Outcome, int]] = []  # and how many the broker had by then
        self.told: list[Told] = []
        self._house = house
        house.gathering.join(job, deadline=in_time(), tell=self.told.append, foresee=self._foresee)

    def _foresee(self, outcome: Outcome) -> None:
        publisher = self._house.publisher
        given = publisher.given if isinstance(publisher, HeldPublisher) else len(publisher.sent)
        self.foreseen.append((outcome, given))

    async def outcome(self) -> Told:
        """Return what he was told in the end, once."""
        await eventually_async(lambda: true(bool(self.told)))
        [told] = self.told
        return told


@pytest.fixture
def held() -> tuple[House, HeldPublisher]:
    house, publisher = House(), HeldPublisher()
    house.use(house.store, publisher)
    return house, publisher


async def test_it_comes_once_the_broker_has_the_batch_and_before_it_confirms(
    held: tuple[House, HeldPublisher],
) -> None:
    house, publisher = held
    clients = [Client(house, a_job()) for _ in range(3)]

    await eventually_async(lambda: true(all(client.foreseen for client in clients)))

    assert [given for client in clients for _, given in client.foreseen] == [3, 3, 3]
    assert not any(client.told for client in clients)
    publisher.go.set()
    for client in clients:
        [(foreseen, _)] = client.foreseen
        assert await client.outcome() is foreseen
        assert kind(foreseen) == "accepted"


async def test_what_the_store_refuses_is_foreseen_too(house: House) -> None:
    await house.accept(a_job(key=a_key("bound")))
    client = Client(house, a_job(key=a_key("bound", "another body")))

    told = await client.outcome()

    assert kind(told) is KeyReused
    assert [outcome for outcome, _ in client.foreseen] == [told]


async def test_without_a_confirm_something_else_is_told(house: House) -> None:
    house.publisher.fails = lambda message: message.options.queue == "nowhere"
    lost, safe = Client(house, a_job(queue="nowhere")), Client(house, a_job())

    assert kind(await lost.outcome()) is Unavailable
    assert [kind(outcome) for outcome, _ in lost.foreseen] == ["accepted"]
    assert kind(await safe.outcome()) == "accepted"


async def test_without_a_store_nothing_is_foreseen(house: House) -> None:
    house.records.away = True
    client = Client(house, a_job())

    await client.outcome()

    assert not client.foreseen


async def test_who_trips_over_it_is_told_all_the_same_and_so_are_the_others(house: House) -> None:
    def trips(_outcome: Outcome) -> None:
        raise ZeroDivisionError

    told: list[Told] = []
    with capture_logs() as logs:
        house.gathering.join(a_job(), deadline=in_time(), tell=told.append, foresee=trips)
        other = Client(house, a_job())
        await other.outcome()

    assert [kind(one) for one in told] == ["accepted"]
    assert len(other.foreseen) == 1
    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["outcome_not_foreseen"]
