"""What runs beside the requests goes on after a mistake of ours, and says so."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from services.gateway.audit.trail import AuditTrail
from services.gateway.catalogue import Catalogue
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.household import Work
from services.gateway.keys.file import KeysFile
from services.gateway.keys.ring import KeyRing
from services.gateway.metrics import Metrics
from services.gateway.works import Works
from shared.contracts.audit import AuditEntry
from shared.contracts.catalog import CatalogEntry
from tests.eventually import eventually_async
from tests.fakes.audit import FakeAudit
from tests.fakes.key_book import FakeKeyBook
from tests.fakes.registry import FakeRegistry

RESTART_SECONDS = 0.05
BROKEN = "waymark_gateway_faults_total"


class OddOnce:
    """Raises what nobody expects the first time that it is asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def ask(self) -> None:
        self.asked.append(time.monotonic())
        if len(self.asked) == 1:
            raise ZeroDivisionError


class OddBook(FakeKeyBook):
    def __init__(self, odd: OddOnce) -> None:
        super().__init__()
        self._odd = odd

    async def version(self) -> str:
        self._odd.ask()
        return await super().version()


class OddAudit(FakeAudit):
    def __init__(self, odd: OddOnce) -> None:
        super().__init__()
        self._odd = odd

    async def append(self, entry: AuditEntry) -> None:
        await super().append(entry)
        self._odd.ask()


class OddRegistry(FakeRegistry):
    def __init__(self, odd: OddOnce) -> None:
        super().__init__()
        self._odd = odd

    async def catalogue(self) -> Sequence[CatalogEntry]:
        self._odd.ask()
        return await super().catalogue()

    async def acquire(self, name: str, holder: str, *, ttl_ms: int) -> bool:
        self._odd.ask()
        return await super().acquire(name, holder, ttl_ms=ttl_ms)


def keys(odd: OddOnce) -> Work:
    return KeyRing(KeysFile(None), OddBook(odd), now_ms=lambda: 0).follow


def catalogue(odd: OddOnce) -> Work:
    return Catalogue(registry=OddRegistry(odd)).follow


def duty(odd: OddOnce) -> Work:
    return Duty("sweeper", holder="me", registry=OddRegistry(odd)).keep


@asynccontextmanager
async def at_work(metrics: Metrics, *works: Work) -> AsyncIterator[None]:
    """Let them run for the test."""
    running = Works(works, metrics=metrics, restart_seconds=RESTART_SECONDS)
    running.start()
    try:
        yield
    finally:
        await running.stop()


@pytest.mark.parametrize("make", [keys, catalogue, duty])
async def test_a_work_survives_an_odd_error_after_a_pause(make: Callable[[OddOnce], Work]) -> None:
    odd, metrics = OddOnce(), Metrics()
    work = make(odd)

    async def asked_again() -> bool:
        return len(odd.asked) > 1

    with capture_logs() as said:
        async with at_work(metrics, work):
            await eventually_async(asked_again)

    first, second = odd.asked[:2]
    assert second - first >= RESTART_SECONDS
    assert metrics.registry.get_sample_value(BROKEN, {"where": work.__qualname__}) == 1
    assert [line["work"] for line in said if line["event"] == "background_work_broke"] == [
        work.__qualname__
    ]


async def test_what_an_operator_did_is_kept_after_an_odd_error() -> None:
    odd, metrics = OddOnce(), Metrics()
    store = OddAudit(odd)
    trail = AuditTrail(store, registry=metrics.registry, now_ms=lambda: 1)
    store.away = True
    await trail.note(tenant="dev", by="key:a", action="job.retry", target="1", reason=None)
    await trail.note(tenant="dev", by="key:a", action="job.retry", target="2", reason=None)
    store.away = False

    async def all_kept() -> bool:
        return {entry.target for entry in store.entries} == {"1", "2"}

    async with at_work(metrics, trail.follow):
        await eventually_async(all_kept)


async def test_a_work_that_breaks_again_and_again_disturbs_no_other() -> None:
    metrics = Metrics()
    rounds = 0

    async def breaks() -> None:
        raise ZeroDivisionError

    async def goes_on() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def broke_thrice() -> bool:
        where = {"where": breaks.__qualname__}
        return (metrics.registry.get_sample_value(BROKEN, where) or 0) >= 3

    async with at_work(metrics, breaks, goes_on):
        await eventually_async(broke_thrice)
        before = rounds
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert rounds > before
    assert metrics.registry.get_sample_value(BROKEN, {"where": goes_on.__qualname__}) == 0


async def test_works_that_are_told_to_stop_are_gone() -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with at_work(Metrics(), waits):
        await asyncio.sleep(0)
        assert not ended.is_set()

    assert ended.is_set()
