"""How an attempt that must stop is stopped: three rungs up to its deadline. Pure.

The same ladder serves a cancel (its deadline is the grace its caller gave) and a drain.
Times are monotonic seconds.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

TERMINATE_AT: Final = 2 / 3  # of the grace: leaves a third for what SIGTERM sets off


class Rung(IntEnum):
    """How hard an attempt was asked; a later rung includes the earlier ones."""

    NONE = 0
    EXCEPTION = 1  # raised once, in the handler
    TERM = 2
    KILL = 3

    @property
    def word(self) -> str:
        """Return the name that the record keeps: `exception`, `term` or `kill`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Asked to stop at `since`, killed at `deadline`; `reason` is raised in the handler."""

    reason: str  # "cancelled" or "shutdown"
    since: float
    deadline: float


def rung_due(now: float, order: StopOrder) -> Rung:
    """Return how hard to ask by `now`."""
    if now >= order.deadline:
        return Rung.KILL
    if now >= order.since + (order.deadline - order.since) * TERMINATE_AT:
        return Rung.TERM
    return Rung.EXCEPTION
