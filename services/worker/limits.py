"""When a time limit has something to say. Pure; times are monotonic seconds."""

from dataclasses import dataclass
from enum import StrEnum


class LimitStep(StrEnum):
    """What a limit asks for now."""

    NOTHING = "nothing"
    SOFT = "soft"  # raise SoftTimeLimit in the handler
    HARD = "hard"  # kill it


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When an attempt reaches its limits; None for a limit it has not."""

    soft: float | None
    hard: float | None

    @classmethod
    def counted_from(
        cls, start: float, *, soft_limit: float | None, hard_limit: float | None
    ) -> "Deadlines":
        """Return the deadlines of an attempt that starts at `start`; limits in seconds."""
        return cls(
            soft=None if soft_limit is None else start + soft_limit,
            hard=None if hard_limit is None else start + hard_limit,
        )


def limit_step(now: float, deadlines: Deadlines, *, soft_told: bool) -> LimitStep:
    """Return what the limits ask for; the soft one speaks once, the hard one until obeyed."""
    if deadlines.hard is not None and now >= deadlines.hard:
        return LimitStep.HARD
    if not soft_told and deadlines.soft is not None and now >= deadlines.soft:
        return LimitStep.SOFT
    return LimitStep.NOTHING
