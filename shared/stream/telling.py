"""Tells events to whoever watches, in order, and never so many at a stretch that others wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Final

import structlog

from shared.stream.audience import Key, Listener
from shared.stream.merge import Event

MOST_TOLD: Final = 1_000  # watchers in one turn of the loop, at 2 to 3 µs each
MOST_SECONDS: Final = 0.004
MOST_WAITING: Final = 10_000  # events; beyond it progress is dropped
MOST_OF_ALL: Final = 50_000  # beyond it everything is dropped, and everybody has to look again
_LOOK_EVERY: Final = 64  # watchers

log = structlog.get_logger()


class Teller:
    """Tells at once while there is little to tell, and bit by bit otherwise."""

    def __init__(
        self,
        watchers_of: Callable[[Key], Collection[Listener]],
        *,
        told: Callable[[Event], None],
        lost: Callable[[], None],
    ) -> None:
        """`told` hears when everybody was told, `lost` of dropped events that none may miss."""
        self.dropped = 0  # progress
        self._watchers_of = watchers_of
        self._on_told = told
        self._lost = lost
        self._waiting: deque[tuple[Key, Event]] = deque()
        self._rest: Iterator[Listener] | None = None  # whom to tell the first of them still
        self._told = 0  # watchers, in this turn
        self._is_due = False

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._waiting)

    def tell(self, key: Key, event: Event) -> None:
        """Tell an event, after all that came before it."""
        watchers = () if self._waiting else self._watchers_of(key)
        if self._waiting or self._told + len(watchers) > MOST_TOLD:
            self._keep(key, event)
        else:
            self._told += len(watchers)
            job = key[1]
            for watcher in tuple(watchers):
                _tell(watcher, job, event)
            self._on_told(event)
        self._go_on_later()

    def _keep(self, key: Key, event: Event) -> None:
        if len(self._waiting) >= MOST_WAITING and not event.transition:
            self.dropped += 1
            return
        if len(self._waiting) >= MOST_OF_ALL:
            log.warning("events_dropped", events=len(self._waiting))
            self._waiting.clear()
            self._rest = None
            self._lost()
            return
        self._waiting.append((key, event))

    def _go_on_later(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        self._told = 0
        if self._waiting:
            self._go_on(asyncio.get_running_loop().time() + MOST_SECONDS)
            self._go_on_later()

    def _go_on(self, ends: float) -> None:
        while self._waiting:
            key, event = self._waiting[0]
            if self._rest is None:
                self._rest = iter(tuple(self._watchers_of(key)))
            if not self._tell_rest(self._rest, key[1], event, ends):
                return
            self._rest = None
            if self._waiting:
                self._waiting.popleft()
            self._on_told(event)

    def _tell_rest(self, rest: Iterator[Listener], job: str, event: Event, ends: float) -> bool:
        """Return whether everybody was told; False: this turn is over."""
        for watcher in rest:
            _tell(watcher, job, event)
            self._told += 1
            if self._told >= MOST_TOLD:
                return False
            if self._told % _LOOK_EVERY == 0 and asyncio.get_running_loop().time() > ends:
                return False
        return True


def _tell(watcher: Listener, job: str, event: Event) -> None:
    try:
        watcher.happened(job, event)
    except Exception:  # the outermost loop of all events: one watcher is not all
        log.exception("watcher_failed", job_id=job)
