"""Reads the places of jobs that somebody waits for, many in one go, until each is read."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from shared.contracts.answers import Position
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import Locate
from shared.ports import AsyncJobStore, EventFeed
from shared.runtime.pacing import full_jitter, pause
from shared.stream.audience import Key, Reading, Wanted, Watcher

READERS: Final = 8
BATCH: Final = 32  # places that a reader asks for in one go
READ_SECONDS: Final = 8.0  # the feed's own deadline and the store's, and some
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger()


class Waiters(Protocol):
    """Who knows who waits for what; the switchboard."""

    def waiting(self, key: Key, reading: Reading) -> Sequence[Watcher]:
        """Return who waits for this reading of a job."""

    async def hand_out(self, key: Key, reading: Reading, position: Position | None) -> None:
        """Hand what was read to everybody who waits for it; None: there is no such job."""

    def again(self, key: Key, reading: Reading) -> None:
        """It could not be read: want it once more for everybody who waits for it."""


class Readings:
    """Start it once; `want` returns at once."""

    def __init__(self, store: AsyncJobStore, feed: EventFeed, waiters: Waiters) -> None:
        """Nothing is wanted yet."""
        self.done = 0
        self._store = store
        self._feed = feed
        self._waiters = waiters
        self._wanted = Wanted()
        self._anything_wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to read."""
        self._tasks = [
            asyncio.create_task(self._read(), name=f"place-reader-{number}")
            for number in range(READERS)
        ]

    async def close(self) -> None:
        """Stop, whatever is wanted."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=READ_SECONDS)

    def want(self, tenant: str, job: str, after_step: int) -> Reading:
        """Read the place after now, with the steps after this one; return what to wait for."""
        self._anything_wanted.set()
        return self._wanted.add(tenant, job, after_step)

    async def _read(self) -> None:
        failures = 0
        while True:
            await self._anything_wanted.wait()
            if not self._wanted:
                self._anything_wanted.clear()
                continue
            tenant, batch = self._wanted.take(BATCH)
            unread = await self._answer(tenant, batch)
            if not unread:
                failures = 0
                continue
            failures += 1
            for job, reading in unread.items():
                self._waiters.again((tenant, job), reading)
            await pause(full_jitter(failures, base=RETRY_SECONDS / 8, cap=RETRY_SECONDS))

    async def _answer(self, tenant: str, batch: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Read these places and hand them out; return what must be read again."""
        wanted = {
            job: reading
            for job, reading in batch.items()
            if self._waiters.waiting((tenant, job), reading)
        }
        unread = {}
        try:
            answers = await self._ask(tenant, wanted) if wanted else []
            for (job, reading), answer in zip(wanted.items(), answers, strict=True):
                if isinstance(answer, BaseException):
                    _tell_of(answer, tenant)
                    unread[job] = reading
                else:
                    self.done += 1
                    await self._waiters.hand_out((tenant, job), reading, answer)
        except Exception as fault:  # noqa: BLE001 - the outermost loop of all readings
            _tell_of(fault, tenant)
            return wanted
        return unread

    async def _ask(
        self, tenant: str, wanted: Mapping[str, Reading]
    ) -> list[Position | BaseException | None]:
        async with asyncio.timeout(READ_SECONDS):
            await self._feed.subscribe(tenant)
            # One write and one answer for all of them: the store's line joins what is asked in
            # one turn of the loop.
            return await asyncio.gather(
                *(
                    self._store.do(Locate(tenant=tenant, job=job, after_step=reading.after_step))
                    for job, reading in wanted.items()
                ),
                return_exceptions=True,
            )


def _tell_of(fault: BaseException, tenant: str) -> None:
    if not isinstance(fault, (StoreUnavailable, TimeoutError)):
        log.error("reading_failed", tenant=tenant, exc_info=fault)
