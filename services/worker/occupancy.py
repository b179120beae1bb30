"""What the slots do at the moment, as plain numbers; `metrics.py` shows it when asked.

A slot is idle, starting (it has a delivery in hand and claims it), busy or frozen.
"""

import threading
from collections import Counter
from typing import Final


class Occupancy:
    """Of one worker; told by its threads."""

    def __init__(self, slots: int = 0) -> None:
        """Nothing runs yet."""
        self.slots = slots
        self.held = 0
        self.frozen = 0
        self.frozen_seconds = 0.0
        self.running: Final[Counter[str]] = Counter()  # attempts by queue
        self._counting = threading.Lock()

    @property
    def states(self) -> dict[str, int]:
        """How many slots are in which state; together they are all."""
        with self._counting:
            running, held, frozen = sum(self.running.values()), self.held, self.frozen
        return {
            "busy": running - frozen,
            "idle": max(0, self.slots - held),
            "starting": max(0, held - running),
            "frozen": frozen,
        }

    def take(self) -> None:
        """A slot has a delivery in hand."""
        with self._counting:
            self.held += 1

    def leave(self) -> None:
        """It is settled."""
        with self._counting:
            self.held -= 1

    def expect(self, queue: str) -> None:
        """Attempts of this queue are counted from 0 on."""
        with self._counting:
            self.running.setdefault(queue, 0)

    def begin(self, queue: str) -> None:
        """An attempt begins."""
        with self._counting:
            self.running[queue] += 1

    def end(self, queue: str) -> None:
        """It has ended, and its end is written down."""
        with self._counting:
            self.running[queue] -= 1

    def freeze(self) -> None:
        """A slot stands still: its lease is not renewed."""
        with self._counting:
            self.frozen += 1

    def stand(self, seconds: float) -> None:
        """It has stood still for so much longer."""
        with self._counting:
            self.frozen_seconds += seconds

    def thaw(self) -> None:
        """It goes on, or has ended."""
        with self._counting:
            self.frozen -= 1
