"""Reads what watchers of a tenant's feed have missed, until each has read it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.contracts.feed import ReadFeed
from shared.contracts.listing import FeedPlace
from shared.ports import AsyncJobStore, EventFeed
from shared.runtime.pacing import full_jitter, pause
from shared.stream.audience import FeedWatcher
from shared.stream.feed_place import Chapter
from shared.stream.place import Wrap

READERS: Final = 4
READ_SECONDS: Final = 8.0  # the feed's own deadline and the store's, and some
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger()

_Asked = tuple[str, FeedPlace | None]  # tenant, cursor


class _Reading:
    __slots__ = ("asked", "watchers")

    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.watchers: list[FeedWatcher] = []


class FeedReadings:
    """Start it once; `want` and `forget` return at once."""

    def __init__(
        self,
        store: AsyncJobStore,
        feed: EventFeed,
        wrap: Wrap,
        stands: Callable[[str, FeedPlace], None],
    ) -> None:
        """Nothing is wanted yet; `stands` hears where a tenant's feed stands, as it was read."""
        self.done = 0
        self._store = store
        self._feed = feed
        self._wrap = wrap
        self._stands = stands
        # Whoever stands at one place is answered by one reading.
        self._wanted: dict[_Asked, _Reading] = {}
        self._queue: deque[_Asked] = deque()
        self._waits_for: dict[FeedWatcher, _Reading] = {}
        self._anything_wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to read."""
        self._tasks = [
            asyncio.create_task(self._read(), name=f"feed-reader-{number}")
            for number in range(READERS)
        ]

    async def close(self) -> None:
        """Stop, whatever is wanted."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=READ_SECONDS)

    def want(self, tenant: str, watcher: FeedWatcher, after: FeedPlace | None) -> None:
        """Read after now what came after a place, for one who then waits for nothing else."""
        asked = (tenant, after)
        reading = self._wanted.get(asked)
        if reading is None:
            reading = self._wanted[asked] = _Reading(asked)
            self._queue.append(asked)
            self._anything_wanted.set()
        reading.watchers.append(watcher)
        self._waits_for[watcher] = reading

    def forget(self, watcher: FeedWatcher) -> None:
        """It waits for nothing any more."""
        self._waits_for.pop(watcher, None)

    async def _read(self) -> None:
        failures = 0
        while True:
            await self._anything_wanted.wait()
            if not self._queue:
                self._anything_wanted.clear()
                continue
            reading = self._wanted.pop(self._queue.popleft())
            try:
                await self._answer(reading)
            except Exception as fault:  # the outermost loop of all readings
                if not isinstance(fault, (StoreUnavailable, TimeoutError)):
                    log.exception("feed_reading_failed", tenant=reading.asked[0])
                failures += 1
                for watcher in self._waiting(reading):
                    self.want(reading.asked[0], watcher, reading.asked[1])
                await pause(full_jitter(failures, base=RETRY_SECONDS / 8, cap=RETRY_SECONDS))
            else:
                failures = 0

    async def _answer(self, reading: _Reading) -> None:
        if not self._waiting(reading):
            return
        tenant, after = reading.asked
        async with asyncio.timeout(READ_SECONDS):
            await self._feed.subscribe(tenant)
            page = await self._store.do(ReadFeed(tenant=tenant, after=after))
        self.done += 1
        chapter = Chapter(page, self._wrap)
        for watcher in self._waiting(reading):
            del self._waits_for[watcher]
            try:
                watcher.caught_up(chapter)
            except Exception:  # one watcher is not all
                log.exception("watcher_failed", tenant=tenant)
        self._stands(tenant, page.here)

    def _waiting(self, reading: _Reading) -> list[FeedWatcher]:
        waiting = dict.fromkeys(reading.watchers)
        return [who for who in waiting if self._waits_for.get(who) is reading]
