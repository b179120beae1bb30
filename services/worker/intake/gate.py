"""Whether the worker takes in messages: closed by a drain, and by a store that does not answer.

Of one queue alone it is closed by a pause.
"""

import threading
import time
from collections.abc import Callable, Collection
from typing import Final

# Between the classes of a queue that goes on: what is more urgent has been delivered by then, for
# a consumer looks four times a second whether it may.
STAGGER_SECONDS: Final = 0.4


class Intake:
    """One tap for all consumers; every thread may look at it and turn it."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open, with nothing paused."""
        self._monotonic = monotonic
        self._paused: frozenset[str] = frozenset()
        self._resumed_at: dict[str, float] = {}
        self._draining = threading.Event()
        self._leaving = threading.Event()
        self._store_away = threading.Event()

    @property
    def open(self) -> bool:
        """Whether consumers should consume, as far as their queues are not paused."""
        return not (self._draining.is_set() or self._store_away.is_set())

    def lets_in(self, queue: str, urgency: int) -> bool:
        """Whether one class of a queue should be consumed; `urgency` 0 is the most urgent."""
        if not self.open or queue in self._paused:
            return False
        resumed_at = self._resumed_at.get(queue)
        return resumed_at is None or (self._monotonic() >= resumed_at + urgency * STAGGER_SECONDS)

    def is_paused(self, queue: str) -> bool:
        """Whether nothing of a queue is to be begun."""
        return queue in self._paused

    @property
    def draining(self) -> bool:
        """Whether the worker was told to stop: nothing new is begun."""
        return self._draining.is_set()

    @property
    def leaving(self) -> bool:
        """Whether the worker stops now: what waits for a store or a broker gives up."""
        return self._leaving.is_set()

    @property
    def store_away(self) -> bool:
        """Whether the store has not answered lately."""
        return self._store_away.is_set()

    def pause(self, queues: Collection[str]) -> None:
        """Let these queues rest, and all others go on."""
        now = self._monotonic()
        self._resumed_at.update((queue, now) for queue in self._paused.difference(queues))
        self._paused = frozenset(queues)

    def drain(self) -> None:
        """Close for good."""
        self._draining.set()

    def leave(self) -> None:
        """Let those who wait give up."""
        self._draining.set()
        self._leaving.set()

    def store_failed(self) -> None:
        """Close until the store answers again; what is already delivered is held."""
        self._store_away.set()

    def store_answered(self) -> None:
        """Open again, as far as the store is concerned."""
        self._store_away.clear()
