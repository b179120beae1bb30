"""Brings each job's events to whoever watches it, and reads its place for who has to catch up.

One per process: a tenant's channel is subscribed once, a job's place is read once for all who wait
for it, and places that are wanted together are asked for together.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

import structlog

from shared.contracts.answers import Position
from shared.contracts.listing import FeedPlace
from shared.ports import AsyncJobStore, EventFeed, FeedMessage
from shared.runtime.pacing import pause
from shared.stream.audience import (
    UNKNOWN,
    FeedWatcher,
    Key,
    Listener,
    Reading,
    Tenant,
    Watcher,
    Watchers,
)
from shared.stream.calling import disturb, disturb_feed, hand
from shared.stream.feed_readings import FeedReadings
from shared.stream.merge import Event
from shared.stream.place import Place, Wrap
from shared.stream.readings import Readings
from shared.stream.telling import Teller
from shared.stream.thin import Thinner

CLOSE_SECONDS: Final = 8.0
LINGER_SECONDS: Final = 30.0  # a tenant nobody watches stays subscribed for so long
_FLUSH_SECONDS: Final = 0.01  # how often kept progress is looked at, while there is any
_MOST_AT_ONCE: Final = 500  # watchers that are handed a place, or disturbed, in one turn

log = structlog.get_logger()


class Switchboard:
    """Start it once; `watch`, `locate` and `unwatch` return at once and answer the watcher."""

    def __init__(
        self,
        store: AsyncJobStore,
        feed: EventFeed,
        wrap: Wrap = bytes,
        *,
        linger_seconds: float = LINGER_SECONDS,
        on_told: Callable[[Event], None] = lambda _event: None,
        on_first: Callable[[str, str, Position], None] = lambda *_: None,
    ) -> None:
        """Listen to `feed`; `wrap` makes of a frame's JSON what watchers are handed.

        `on_told` hears of each event once all who watch its job were told; `on_first` (tenant,
        job, position) of each reading for those who know nothing of its job yet.
        """
        self.gaps = 0
        self.holes = 0
        self.thinner: Thinner[Key] = Thinner()
        self.teller = Teller(self._audience, told=on_told, lost=self._lost)
        self._on_first = on_first
        self._feed = feed
        self._wrap = wrap
        self._linger = linger_seconds
        self._tenants: dict[str, Tenant] = {}
        self._readings = Readings(store, feed, self)
        self._feed_readings = FeedReadings(store, feed, wrap, self._stands)
        self._flush: asyncio.TimerHandle | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._disturbing: asyncio.Task[None] | None = None
        self._lost_more = False
        feed.on_message(self._on_message)
        feed.on_gap(self._on_gap)

    @property
    def tenants(self) -> int:
        """How many tenants are subscribed or linger."""
        return len(self._tenants)

    @property
    def watched(self) -> int:
        """How many pairs of a watcher and a job, or a watcher and a feed, there are."""
        entries = self._tenants.values()
        return sum(sum(map(len, entry.jobs.values())) + len(entry.feed) for entry in entries)

    @property
    def readings(self) -> int:
        """How many places were read, of jobs and in feeds."""
        return self._readings.done + self._feed_readings.done

    async def start(self) -> None:
        """Begin to read places."""
        self._readings.start()
        self._feed_readings.start()
        self._tidying = asyncio.create_task(self._tidy(), name="tenant-tidier")

    async def close(self) -> None:
        """Stop; watchers hear nothing more."""
        if self._flush is not None:
            self._flush.cancel()
        tasks = [task for task in (self._tidying, self._disturbing) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        await self._readings.close()
        await self._feed_readings.close()

    def watch(self, tenant: str, job: str, watcher: Watcher, *, after_step: int) -> None:
        """Hand `watcher` every event from now on, and then a place read after now."""
        entry = self._tenants.setdefault(tenant, Tenant())
        entry.idle_since = None
        entry.jobs.setdefault(job, {})[watcher] = None
        self.locate(tenant, job, watcher, after_step=after_step)

    def locate(self, tenant: str, job: str, watcher: Watcher, *, after_step: int) -> None:
        """Read the place after now for one who watches, with the steps after `after_step`.

        Retried until it is read or the watcher goes.
        """
        watchers = self._watchers((tenant, job))
        if watcher in watchers:
            watchers[watcher] = self._readings.want(tenant, job, after_step)

    def unwatch(self, tenant: str, job: str, watcher: Watcher) -> None:
        """Hand it nothing more of this job."""
        entry = self._tenants.get(tenant)
        watchers = self._watchers((tenant, job))
        if entry is None or watcher not in watchers:
            return
        del watchers[watcher]
        if not watchers:
            del entry.jobs[job]
        self._note_idle(entry)

    def watch_feed(self, tenant: str, watcher: FeedWatcher, *, after: FeedPlace | None) -> None:
        """Hand `watcher` every event of a tenant from now on, and then what came after a place.

        `after` None: only where the feed stands after now. Whoever also watches a job gets each
        event once.
        """
        entry = self._tenants.setdefault(tenant, Tenant())
        entry.idle_since = None
        entry.feed[watcher] = None
        self._feed_readings.want(tenant, watcher, after)

    def catch_up(self, tenant: str, watcher: FeedWatcher, *, after: FeedPlace | None) -> None:
        """Read what came after a place for one who watches; retried until it is read."""
        entry = self._tenants.get(tenant)
        if entry is not None and watcher in entry.feed:
            self._feed_readings.want(tenant, watcher, after)

    def unwatch_feed(self, tenant: str, watcher: FeedWatcher) -> None:
        """Hand it nothing more of this feed."""
        self._feed_readings.forget(watcher)
        entry = self._tenants.get(tenant)
        if entry is not None and watcher in entry.feed:
            del entry.feed[watcher]
            self._note_idle(entry)

    def _note_idle(self, entry: Tenant) -> None:
        if entry.is_idle:
            entry.idle_since = asyncio.get_running_loop().time()

    def _on_message(self, message: FeedMessage) -> None:
        entry = self._tenants.get(message.tenant)
        if entry is None:
            return
        if message.epoch != entry.epoch:
            self._new_epoch(entry, message.epoch)
        if message.seq > entry.seq + 1 and entry.seq != UNKNOWN:
            self._hole(message.tenant, entry, message.seq)
        entry.seq = message.seq
        if not entry.feed and message.job not in entry.jobs:
            return
        key = (message.tenant, message.job)
        event = Event(
            message.epoch,
            message.revision,
            message.step,
            message.transition,
            self._wrap(message.frame),
            message.seq,
        )
        for passing in self.thinner.offer(key, event, asyncio.get_running_loop().time()):
            self.teller.tell(key, passing)
        self._flush_later()

    def _flush_later(self) -> None:
        if self._flush is None and not self.thinner.idle:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(_FLUSH_SECONDS, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        for key, event in self.thinner.due(asyncio.get_running_loop().time()):
            self.teller.tell(key, event)
        self._flush_later()

    async def _on_gap(self) -> None:
        self.gaps += 1
        told = 0
        for entry in tuple(self._tenants.values()):
            entry.seq = UNKNOWN
            told += disturb_feed(entry)
            for job in tuple(entry.jobs):
                told += disturb(job, entry.jobs.get(job, {}))
                if told >= _MOST_AT_ONCE:
                    told = 0
                    await pause(0)

    def _lost(self) -> None:
        # Called where nothing can be awaited. One at a time; and whoever had looked again before
        # this, and has now lost something once more, is told once more.
        self._lost_more = True
        if self._disturbing is None or self._disturbing.done():
            self._disturbing = asyncio.create_task(self._disturb_while_lost(), name="disturbing")

    async def _disturb_while_lost(self) -> None:
        while self._lost_more:
            self._lost_more = False
            await self._on_gap()

    def _new_epoch(self, entry: Tenant, epoch: str) -> None:
        known, entry.epoch = entry.epoch, epoch
        if known:
            log.warning("epoch_changed", before=known, now=epoch, jobs=len(entry.jobs))
            self._disturb_all(entry)

    def _stands(self, tenant: str, here: FeedPlace) -> None:
        """It was read where a tenant's events stand, after its channel was subscribed."""
        entry = self._tenants.get(tenant)
        if entry is None:
            return
        if here.epoch and here.epoch != entry.epoch:
            self._new_epoch(entry, here.epoch)
        if entry.seq == UNKNOWN:
            entry.seq = here.seq

    def _hole(self, tenant: str, entry: Tenant, seq: int) -> None:
        # Every event has the next `seq`: pub/sub has lost some without a word.
        self.holes += 1
        log.warning("events_lost", tenant=tenant, events=seq - entry.seq - 1)
        self._disturb_all(entry)

    def _disturb_all(self, entry: Tenant) -> None:
        entry.seq = UNKNOWN
        disturb_feed(entry)
        for job, watchers in tuple(entry.jobs.items()):
            disturb(job, watchers)

    def again(self, key: Key, reading: Reading) -> None:
        """As `Waiters`."""
        for watcher in self.waiting(key, reading):
            self.locate(*key, watcher, after_step=reading.after_step)

    async def hand_out(self, key: Key, reading: Reading, position: Position | None) -> None:
        """As `Waiters`."""
        tenant, job = key
        place = None if position is None else Place(job, position, self._wrap)
        if position is not None and not reading.after_step:
            self._on_first(tenant, job, position)
        for number, watcher in enumerate(self.waiting(key, reading), 1):
            watchers = self._watchers(key)
            if watchers.get(watcher) is reading:  # it may have gone, or want a later one by now
                watchers[watcher] = None
                hand(watcher, job, place)
            if number % _MOST_AT_ONCE == 0:
                await pause(0)
        entry = self._tenants.get(tenant)
        if position is not None and entry is not None:
            self._stands(tenant, FeedPlace(position.epoch, position.seq))

    def _audience(self, key: Key) -> Collection[Listener]:
        entry = self._tenants.get(key[0])
        return entry.audience(key[1]) if entry else ()

    def _watchers(self, key: Key) -> Watchers:
        entry = self._tenants.get(key[0])
        return entry.jobs.get(key[1], {}) if entry else {}

    def waiting(self, key: Key, reading: Reading) -> list[Watcher]:
        """As `Waiters`."""
        return [who for who, waits_for in self._watchers(key).items() if waits_for is reading]

    async def _tidy(self) -> None:
        while True:
            await pause(self._linger / 4)
            long_ago = asyncio.get_running_loop().time() - self._linger
            for tenant, entry in list(self._tenants.items()):
                if entry.idle_since is not None and entry.idle_since < long_ago:
                    del self._tenants[tenant]
                    await self._feed.unsubscribe(tenant)
