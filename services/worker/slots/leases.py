"""The lease table: per slot, when its newest renewal was first sent; in shared memory.

Beside it stands how much memory the slot's attempt may have.

The worker writes, the zygote reads by its own clock: no message, so nothing to be stuck in a queue,
and a worker that is stopped, cut off or gone simply stops writing. In one more cell it is the other
way round: there the zygote says when it last looked.
"""

import mmap
import os
from typing import Final

CELLS: Final = 1_024  # the most children a zygote can have
_CELL: Final = 8  # bytes: an aligned double, which is written in one piece
_CELLS_IN_ALL: Final = CELLS + 1 + CELLS  # leases, the beat, bounds of memory
_IDLE: Final = 0.0
_NO_BOUND: Final = 0.0
_MARGIN_SECONDS: Final = 3.0  # PROTOCOL, Leases: lease - 3 s
_SMALLEST_SHARE: Final = 0.2  # of a lease too short for that margin, as only tests have them
# A stuck zygote freezes nobody, so it is given up before the first lease runs out behind its back.
_LOOKS_IN_VAIN: Final = 10


def patience(lease: float) -> float:
    """Return how old (seconds) a renewal may be before its slot may not run on."""
    return max(lease - _MARGIN_SECONDS, lease * _SMALLEST_SHARE)


class LeaseTable:
    """Cells by slot index; times are seconds of CLOCK_MONOTONIC."""

    def __init__(self, descriptor: int) -> None:
        """Map the table behind a file descriptor."""
        self._map = mmap.mmap(descriptor, _CELLS_IN_ALL * _CELL)
        self._view = memoryview(self._map)
        self._cells = self._view.cast("d")

    @staticmethod
    def create() -> int:
        """Return the file descriptor of a new, empty table."""
        descriptor = os.memfd_create("waymark-leases", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, _CELLS_IN_ALL * _CELL)
        return descriptor

    def grant(self, slot: int, sent_at: float) -> None:
        """Let a slot run on the strength of a claim or renewal first sent at `sent_at`."""
        self._cells[slot] = max(sent_at, self._cells[slot])

    def release(self, slot: int) -> None:
        """Say that a slot runs nothing."""
        self._cells[slot] = _IDLE

    def is_stale(self, slot: int, now: float, patience_seconds: float) -> bool:
        """Return whether a slot must not run on."""
        sent_at = self._cells[slot]
        return sent_at != _IDLE and now - sent_at > patience_seconds

    def bind(self, slot: int, most_bytes: int | None) -> None:
        """Say how much memory the slot's next attempt may have; None for any. Before `grant`."""
        self._cells[CELLS + 1 + slot] = float(most_bytes or _NO_BOUND)

    def bound(self, slot: int) -> int | None:
        """Return how much memory (bytes) what the slot runs may have; None for any."""
        most = self._cells[CELLS + 1 + slot]
        return int(most) if most != _NO_BOUND and self._cells[slot] != _IDLE else None

    def beat(self, now: float) -> None:
        """Say that the zygote looks after its slots."""
        self._cells[CELLS] = now

    @property
    def last_beat(self) -> float:
        """When the zygote last said so."""
        return self._cells[CELLS]

    def close(self) -> None:
        """Unmap it."""
        self._cells.release()
        self._view.release()
        self._map.close()


class Vigil:
    """Whether the zygote is stuck, by looks about one second apart.

    Looks are counted and not seconds: a worker that was stopped itself has not looked.
    """

    def __init__(self, leases: LeaseTable) -> None:
        """Describe it."""
        self._leases = leases
        self._seen = leases.last_beat
        self._in_vain = 0

    def finds_it_stuck(self) -> bool:
        """Look once more; True after ten looks at the same beat."""
        beat = self._leases.last_beat
        self._in_vain = self._in_vain + 1 if beat == self._seen else 0
        self._seen = beat
        return self._in_vain >= _LOOKS_IN_VAIN
