"""Brings each job's events to whoever watches it, and reads its place for who has to catch up.

One per process: a tenant's channel is subscribed once, a job's place is read once for all who wait
for it, with at most eight readings at a time.
"""

import asyncio
from typing import Final, Protocol

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import Locate
from shared.ports import AsyncJobStore, EventFeed, FeedMessage
from shared.runtime.pacing import full_jitter, pause
from shared.stream.merge import Event
from shared.stream.place import Place, Wrap
from shared.stream.thin import Thinner

READERS: Final = 8
READ_SECONDS: Final = 8.0  # the feed's own deadline and the store's, and some
RETRY_SECONDS: Final = 1.0
LINGER_SECONDS: Final = 30.0  # a tenant nobody watches stays subscribed for so long
_FLUSH_SECONDS: Final = 0.05  # how often kept progress is looked at, while there is any

log = structlog.get_logger()

Key = tuple[str, str]  # tenant, job


class Watcher(Protocol):
    """Somebody who follows a job; called on the event loop, must not block."""

    def happened(self, job: str, event: Event) -> None:
        """Something happened to a job it watches."""

    def placed(self, job: str, place: Place | None) -> None:
        """The place it asked for was read; None: there is no such job."""

    def disturbed(self, job: str) -> None:
        """Events of this job may have been lost: it must ask for its place."""


class _Reading:
    """A place to be read, or being read."""

    __slots__ = ("after_step",)

    def __init__(self, after_step: int) -> None:
        self.after_step = after_step


class _Tenant:
    __slots__ = ("epoch", "idle_since", "jobs")

    def __init__(self) -> None:
        self.epoch = ""
        self.idle_since: float | None = None
        # job -> watcher -> the reading it waits for. Only that one answers it: an earlier one may
        # be older than an event that the watcher did not get.
        self.jobs: dict[str, dict[Watcher, _Reading | None]] = {}


class Switchboard:
    """Start it once; `watch`, `locate` and `unwatch` return at once and answer the watcher."""

    def __init__(
        self,
        store: AsyncJobStore,
        feed: EventFeed,
        wrap: Wrap = bytes,
        *,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        """Listen to `feed`; `wrap` makes of a frame's JSON what watchers are handed."""
        self.gaps = 0
        self.readings = 0
        self._store = store
        self._feed = feed
        self._wrap = wrap
        self._linger = linger_seconds
        self._tenants: dict[str, _Tenant] = {}
        self._wanted: dict[Key, _Reading] = {}
        # Holds each key of `_wanted` once, so it is bounded by the jobs that are watched.
        self._queue: asyncio.Queue[Key] = asyncio.Queue()
        self._thinner: Thinner[Key] = Thinner()
        self._flush: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        feed.on_message(self._on_message)
        feed.on_gap(self._on_gap)

    @property
    def tenants(self) -> int:
        """How many tenants are subscribed or linger."""
        return len(self._tenants)

    @property
    def watched(self) -> int:
        """How many pairs of a watcher and a job there are."""
        return sum(
            len(watchers) for entry in self._tenants.values() for watchers in entry.jobs.values()
        )

    async def start(self) -> None:
        """Begin to read places."""
        self._tasks = [
            asyncio.create_task(self._read(), name=f"place-reader-{number}")
            for number in range(READERS)
        ]
        self._tasks.append(asyncio.create_task(self._tidy(), name="tenant-tidier"))

    async def close(self) -> None:
        """Stop; watchers hear nothing more."""
        if self._flush is not None:
            self._flush.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=READ_SECONDS)

    def watch(self, tenant: str, job: str, watcher: Watcher, *, after_step: int) -> None:
        """Hand `watcher` every event from now on, and then a place read after now."""
        entry = self._tenants.setdefault(tenant, _Tenant())
        entry.idle_since = None
        entry.jobs.setdefault(job, {})[watcher] = None
        self.locate(tenant, job, watcher, after_step=after_step)

    def locate(self, tenant: str, job: str, watcher: Watcher, *, after_step: int) -> None:
        """Read the place after now for one who watches, with the steps after `after_step`.

        Retried until it is read or the watcher goes.
        """
        watchers = self._watchers(tenant, job)
        if watcher not in watchers:
            return
        key = (tenant, job)
        reading = self._wanted.get(key)
        if reading is None:
            reading = self._wanted[key] = _Reading(after_step)
            self._queue.put_nowait(key)
        reading.after_step = min(after_step, reading.after_step)
        watchers[watcher] = reading

    def unwatch(self, tenant: str, job: str, watcher: Watcher) -> None:
        """Hand it nothing more of this job."""
        entry = self._tenants.get(tenant)
        watchers = self._watchers(tenant, job)
        if entry is None or watcher not in watchers:
            return
        del watchers[watcher]
        if not watchers:
            del entry.jobs[job]
        if not entry.jobs:
            entry.idle_since = asyncio.get_running_loop().time()

    def _on_message(self, message: FeedMessage) -> None:
        entry = self._tenants.get(message.tenant)
        if entry is None:
            return
        if message.epoch != entry.epoch:
            self._new_epoch(entry, message.epoch)
        if message.job not in entry.jobs:
            return
        key = (message.tenant, message.job)
        event = Event(
            message.epoch,
            message.revision,
            message.step,
            message.transition,
            self._wrap(message.frame),
        )
        for passing in self._thinner.offer(key, event, asyncio.get_running_loop().time()):
            self._tell(key, passing)
        self._flush_later()

    def _tell(self, key: Key, event: Event) -> None:
        tenant, job = key
        for watcher in tuple(self._watchers(tenant, job)):
            watcher.happened(job, event)

    def _flush_later(self) -> None:
        if self._flush is None and not self._thinner.idle:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(_FLUSH_SECONDS, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        for key, event in self._thinner.due(asyncio.get_running_loop().time()):
            self._tell(key, event)
        self._flush_later()

    async def _on_gap(self) -> None:
        self.gaps += 1
        for entry in self._tenants.values():
            self._disturb(entry)

    def _new_epoch(self, entry: _Tenant, epoch: str) -> None:
        known, entry.epoch = entry.epoch, epoch
        if known:
            log.warning("epoch_changed", was=known, epoch=epoch, jobs=len(entry.jobs))
            self._disturb(entry)

    def _disturb(self, entry: _Tenant) -> None:
        for job, watchers in list(entry.jobs.items()):
            for watcher in tuple(watchers):
                watcher.disturbed(job)

    async def _read(self) -> None:
        failures = 0
        while True:
            key = await self._queue.get()
            reading = self._wanted.pop(key)
            try:
                await self._answer(key, reading)
            except Exception as fault:  # the outermost loop of all readings
                if not isinstance(fault, (StoreUnavailable, TimeoutError)):
                    log.exception("reading_failed", job=key[1])
                failures += 1
                for watcher in self._waiting(key, reading):
                    self.locate(*key, watcher, after_step=reading.after_step)
                await pause(full_jitter(failures, base=RETRY_SECONDS / 8, cap=RETRY_SECONDS))
            else:
                failures = 0

    async def _answer(self, key: Key, reading: _Reading) -> None:
        tenant, job = key
        if not self._waiting(key, reading):
            return
        async with asyncio.timeout(READ_SECONDS):
            await self._feed.subscribe(tenant)
            position = await self._store.do(
                Locate(tenant=tenant, job=job, after_step=reading.after_step)
            )
        self.readings += 1
        place = None if position is None else Place(job, position, self._wrap)
        for watcher in self._waiting(key, reading):
            self._watchers(tenant, job)[watcher] = None
            watcher.placed(job, place)
        entry = self._tenants.get(tenant)
        if place is not None and entry is not None and place.epoch != entry.epoch:
            self._new_epoch(entry, place.epoch)

    def _watchers(self, tenant: str, job: str) -> dict[Watcher, _Reading | None]:
        entry = self._tenants.get(tenant)
        return entry.jobs.get(job, {}) if entry else {}

    def _waiting(self, key: Key, reading: _Reading) -> list[Watcher]:
        return [who for who, waits_for in self._watchers(*key).items() if waits_for is reading]

    async def _tidy(self) -> None:
        while True:
            await pause(self._linger / 4)
            long_ago = asyncio.get_running_loop().time() - self._linger
            for tenant, entry in list(self._tenants.items()):
                if entry.idle_since is not None and entry.idle_since < long_ago:
                    del self._tenants[tenant]
                    await self._feed.unsubscribe(tenant)
