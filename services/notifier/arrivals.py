"""Newcomers: their handshakes take turns with the events of those who are here already.

Two thousand that come back in one moment would hold everybody up for half a second.
"""

from typing import Protocol

from services.notifier.flushing import Flusher


class Newcoming(Protocol):
    """A connection whose request has come."""

    def arrive(self, head: bytes) -> None:
        """Shake hands."""


class Arrivals:
    """Calls each `arrive` once, in order, some milliseconds of them in a turn of the loop."""

    def __init__(self) -> None:
        """Nobody comes."""
        self._turns = Flusher()

    def add(self, one: Newcoming, head: bytes) -> None:
        """Let `one` arrive soon."""
        self._turns.add(_Arrival(one, head))


class _Arrival:
    __slots__ = ("_head", "_one")

    def __init__(self, one: Newcoming, head: bytes) -> None:
        self._one, self._head = one, head

    def flush(self) -> None:
        """Have its turn."""
        self._one.arrive(self._head)
