"""What the worker says about itself, and what it makes of a registry that is away."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from services.worker.announce import INTERVAL_SECONDS, Announcer
from services.worker.attempts.unknown import TypeWatch
from services.worker.house.store_watch import watch_store
from services.worker.intake.gate import Intake
from services.worker.intake.pauses import PauseWatch
from shared.contracts.catalog import CatalogEntry, RunningJob, WorkerCard
from shared.contracts.errors import StoreUnavailable
from tests.eventually import eventually_async
from tests.fakes.hands import HandClock
from tests.fakes.pauses import FakePauses
from tests.fakes.slots import entry

CARD = WorkerCard(
    id="w1", host="h", pid=1, slots=2, busy=0, queues=("default",), types=("demo",), started_at=1
)

JOB = RunningJob(tenant="acme", job="job-1", type="demo", queue="default", attempt=2, since=7)
HELD: dict[str, tuple[str, ...]] = {"acme": ("job-1", "job-2")}


class FakeRegistry:
    """Remembers; fails the first `failures` times. One that is `full` can still be read."""

    def __init__(self, failures: int = 0, *, full: bool = False) -> None:
        self.failures = failures
        self._full = full
        self.cards: list[WorkerCard] = []
        self.retired: list[str] = []

    async def announce(self, worker: WorkerCard, types: Sequence[CatalogEntry]) -> None:
        if self.failures:
            self.failures -= 1 if self._full else 0
            raise StoreUnavailable
        self.cards.append(worker)

    async def catalogue(self) -> Sequence[CatalogEntry]:
        return [entry("other"), entry("orphaned")]

    async def workers(self) -> Sequence[WorkerCard]:
        if self.failures and not self._full:
            self.failures -= 1
            raise StoreUnavailable
        return [*self.cards, replace(CARD, id="w2", types=("other",))]

    async def retire(self, worker: str) -> None:
        self.retired.append(worker)

    async def tenants(self) -> Sequence[str]:
        return []

    async def enrol(self, tenant: str) -> None:
        raise NotImplementedError

    async def acquire(self, duty: str, holder: str, *, ttl_ms: int) -> bool:
        raise NotImplementedError


def announcer(registry: FakeRegistry, intake: Intake, types: TypeWatch) -> Announcer:
    return Announcer(
        registry, CARD, [entry()], types, intake, running=lambda: [JOB], held=lambda: HELD
    )


async def test_a_worker_announces_itself_at_once_and_looks_who_else_is_there() -> None:
    registry, clock = FakeRegistry(), HandClock()
    types = TypeWatch(gone_after=10.0, monotonic=clock.monotonic)
    clock.now += 20.0
    work = asyncio.create_task(announcer(registry, Intake(), types).run())

    async def announced() -> bool:
        return bool(registry.cards) and types.gone("nobody's")

    await eventually_async(announced)
    work.cancel()
    assert (registry.cards[0].busy, registry.cards[0].running) == (1, (JOB,))
    assert not registry.cards[0].draining
    assert registry.cards[0].held == HELD
    assert not types.gone("other")
    assert types.gone("orphaned"), "the catalogue alone keeps no type alive"


async def test_a_store_that_is_full_leaves_the_intake_open() -> None:
    registry, intake = FakeRegistry(failures=1, full=True), Intake()
    types = TypeWatch(gone_after=10.0, monotonic=HandClock().monotonic)
    work = asyncio.create_task(announcer(registry, intake, types).run())

    async def announced() -> bool:
        return bool(registry.cards)

    await eventually_async(announced)
    work.cancel()
    assert intake.open


async def test_a_registry_that_is_away_closes_the_intake_and_is_asked_again_soon() -> None:
    registry, intake = FakeRegistry(failures=1), Intake()
    types = TypeWatch(gone_after=10.0, monotonic=HandClock().monotonic)
    work = asyncio.create_task(announcer(registry, intake, types).run())

    async def announced() -> bool:
        return bool(registry.cards)

    await eventually_async(announced)
    work.cancel()
    assert intake.store_away


async def test_a_drain_is_announced_at_once() -> None:
    registry, intake = FakeRegistry(), Intake()
    types = TypeWatch(gone_after=10.0, monotonic=HandClock().monotonic)
    work = asyncio.create_task(announcer(registry, intake, types).run())

    async def announced() -> bool:
        return bool(registry.cards)

    async def told() -> bool:
        return registry.cards[-1].draining

    await eventually_async(announced)
    intake.drain()
    await eventually_async(told, within=INTERVAL_SECONDS / 2)
    work.cancel()


async def test_a_worker_that_stops_is_retired() -> None:
    registry = FakeRegistry()
    types = TypeWatch(gone_after=10.0, monotonic=HandClock().monotonic)
    await announcer(registry, Intake(), types).forget()
    assert registry.retired == ["w1"]


class Recovering:
    """A store that answers the third ping."""

    def __init__(self) -> None:
        self.pings = 0

    async def ping(self) -> None:
        self.pings += 1
        if self.pings < 3:
            raise StoreUnavailable


async def test_the_intake_opens_when_the_store_answers_again_and_is_not_asked_otherwise() -> None:
    store, intake, board = Recovering(), Intake(), FakePauses("bulk")
    work = asyncio.create_task(watch_store(store, PauseWatch(board, intake), intake))
    await asyncio.sleep(0.6)
    assert store.pings == 0
    intake.store_failed()

    async def opened() -> bool:
        return intake.open

    await eventually_async(opened)
    work.cancel()
    assert store.pings == 3
    assert intake.is_paused("bulk"), "known before anything is taken in"


async def test_a_drained_intake_never_opens_again() -> None:
    intake = Intake()
    intake.drain()
    intake.store_answered()
    assert not intake.open
