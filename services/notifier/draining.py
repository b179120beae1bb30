"""How a notifier goes: it turns newcomers away and asks its clients, in waves, to move.

A client opens a new connection elsewhere, resumes there and only then leaves the old one; so a
deploy costs nobody an event, and the servers that stay get their new clients one after another.
"""

import math
from collections.abc import Callable, Collection
from typing import Final, Protocol

import msgspec
import structlog

from services.notifier import messages
from services.notifier.wire import text_frame
from shared.runtime.pacing import pause

WAVE_SECONDS: Final = 0.1
LEAST_WAVE: Final = 20  # connections; a server takes at least 200 new ones a second
_SPREAD_MS: Final = 10  # a connection; for so long the clients of a wave spread their coming back
_CLOSE_SECONDS: Final = 1.0  # for the closes of the last wave to be written and answered
_SHARE_TO_STAY: Final = 0.5  # of the whole time, at most

log = structlog.get_logger()


class Haste(msgspec.Struct, frozen=True, kw_only=True):
    """For how long a drain may last; seconds."""

    total: float = 30.0
    lead: float = 0.0  # until load balancers send nobody any more
    stay: float = 5.0  # that a client may keep its connection, once it was asked to move


class Plan(msgspec.Struct, frozen=True):
    """Who is asked when: `size` connections a wave; and what they are told."""

    size: int
    after_ms: int
    stay: float


class Guest(Protocol):
    """A connection, whatever it speaks."""

    def drain(self, notice: bytes, *, leave_by: float) -> None:
        """Ask it to move with the frame `notice`, and be gone by then (seconds, monotonic)."""

    def revoked(self, keys: Collection[str]) -> None:
        """Close it if its token was minted with one of these API keys."""


def plan(connections: int, haste: Haste) -> Plan:
    """Return how to be rid of so many connections in time."""
    left = max(0.0, haste.total - haste.lead)
    stay = min(haste.stay, left * _SHARE_TO_STAY)
    waves = max(1, int((left - stay - _CLOSE_SECONDS) / WAVE_SECONDS))
    return Plan(
        size=max(LEAST_WAVE, math.ceil(connections / waves)),
        after_ms=min(int(stay * 1000 / 2), connections * _SPREAD_MS),
        stay=stay,
    )


class Drain:
    """One per process; `run` it once."""

    def __init__(
        self,
        haste: Haste,
        guests: Collection[Guest],
        *,
        close_door: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        """`guests` are those who are there at each moment; `now` in seconds, monotonic."""
        self.begun = False  # not ready for more, but whoever comes is let in
        self._haste = haste
        self._close_door = close_door
        self._guests = guests
        self._now = now

    @property
    def complaint(self) -> str | None:
        """Why this server is not ready, or None."""
        return "this server goes away" if self.begun else None

    async def run(self, hurried: Callable[[], bool]) -> None:
        """Return when everybody is gone, the time is over, or somebody has asked to hurry."""
        self.begun = True
        began = self._now()
        await self._wait_until(began + self._haste.lead, hurried, also_for_none=True)
        self._close_door()
        guests = tuple(self._guests)
        if guests and not hurried():
            log.info("drain_began", connections=len(guests))
            await self._move(guests, hurried)
            seconds = round(self._now() - began, 1)
            log.info("drain_ended", left=len(self._guests), seconds=seconds)

    async def _move(self, guests: tuple[Guest, ...], hurried: Callable[[], bool]) -> None:
        how = plan(len(guests), self._haste)
        notice = text_frame(
            messages.drain(after_ms=(0, how.after_ms), grace_ms=int(how.stay * 1000))
        )
        leave_by = self._now()
        for first in range(0, len(guests), how.size):
            leave_by = self._now() + how.stay
            for guest in guests[first : first + how.size]:
                guest.drain(notice, leave_by=leave_by)
            if hurried():
                return
            await pause(WAVE_SECONDS)
        await self._wait_until(leave_by + _CLOSE_SECONDS, hurried)

    async def _wait_until(
        self, at: float, hurried: Callable[[], bool], *, also_for_none: bool = False
    ) -> None:
        while self._now() < at and not hurried() and (also_for_none or self._guests):
            await pause(min(WAVE_SECONDS, max(0.0, at - self._now())))
