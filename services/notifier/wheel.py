"""One timer for all connections: who must be woken when, in slots of half a second. Pure."""

from typing import Final, Generic, TypeVar

SLOT_SECONDS: Final = 0.5

Sleeper = TypeVar("Sleeper")


class Wheel(Generic[Sleeper]):
    """Wakes early never, late by at most a slot (and the interval of asking)."""

    def __init__(self, now: float) -> None:
        """Nobody sleeps; `now` in seconds, monotonic, as in every call."""
        self._turned_to = int(now / SLOT_SECONDS)
        self._slots: dict[int, set[Sleeper]] = {}

    def add(self, sleeper: Sleeper, at: float) -> float:
        """Wake `sleeper` at `at`, besides what was asked before; return when it will be woken."""
        slot = max(int(at / SLOT_SECONDS) + 1, self._turned_to + 1)
        self._slots.setdefault(slot, set()).add(sleeper)
        return slot * SLOT_SECONDS

    def due(self, now: float) -> set[Sleeper]:
        """Return who must be woken now; each is forgotten."""
        turned_to = int(now / SLOT_SECONDS)
        woken: set[Sleeper] = set()
        for slot in range(self._turned_to + 1, turned_to + 1):
            woken |= self._slots.pop(slot, set())
        self._turned_to = max(self._turned_to, turned_to)
        return woken
