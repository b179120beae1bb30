"""How an attempt that must stop is stopped: four rungs up to its deadline. Pure.

The same ladder serves a cancel (its deadline is the grace its caller gave) and a drain, which has
no flag to show and begins with the exception. Times are monotonic seconds.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

CANCELLED: Final = "cancelled"
FLAG_SHARE: Final = 0.1  # of the grace is for a handler that comes by a cancellation point
FLAG_SECONDS: Final = 0.5  # at most: whoever sleeps or waits shall not go on doing so
TERMINATE_AT: Final = 2 / 3  # of the grace: leaves a third for what SIGTERM sets off


class Rung(IntEnum):
    """How hard an attempt was asked; a later rung includes the earlier ones."""

    NONE = 0
    FLAG = 1  # raised once, where the handler tracks, reports or saves; `current().cancelled`
    EXCEPTION = 2  # raised once, wherever the handler is
    TERM = 3
    KILL = 4

    @property
    def word(self) -> str:
        """Return the name that the record keeps: `flag`, `exception`, `term` or `kill`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Asked to stop at `since`, killed at `deadline`; `reason` is raised in the handler."""

    reason: str  # CANCELLED or "shutdown"
    since: float
    deadline: float


def rung_due(now: float, order: StopOrder) -> Rung:
    """Return how hard to ask by `now`."""
    grace = order.deadline - order.since
    if now >= order.deadline:
        return Rung.KILL
    if now >= order.since + grace * TERMINATE_AT:
        return Rung.TERM
    if order.reason == CANCELLED and now < order.since + min(grace * FLAG_SHARE, FLAG_SECONDS):
        return Rung.FLAG
    return Rung.EXCEPTION
