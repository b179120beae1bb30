"""How a job goes on after an attempt that went wrong. Pure; the random source comes from outside.

Attempts and crashes are counted per life: a redrive starts again (PROTOCOL, Attempts).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.worker import faults
from services.worker.faults import Problem
from services.worker.slots.terms import Raised
from shared.contracts.catalog import Limits
from shared.contracts.job import DeadLetterReason, Outcome

CRASHES_TO_POISON: Final = 2
_LARGEST_EXPONENT: Final = 62  # beyond it every back-off is at its cap, and 2.0**n overflows

Uniform = Callable[[float, float], float]
"""Draws between two bounds, as `random.uniform`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the job had used up in this life before this attempt, and what it may use."""

    spent: int
    crashes: int
    max_attempts: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Another attempt follows; `delay` in seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class FailFor:
    """No attempt follows; `code` replaces the problem's own where it is not None."""

    reason: DeadLetterReason
    code: str | None = None


def decide(
    problem: Problem, raised: Raised | None, standing: Standing, *, uniform: Uniform
) -> RetryAfter | FailFor:
    """Decide how to go on after `problem`; `raised` is what the handler raised, if it could."""
    if problem.outcome is Outcome.CRASHED and standing.crashes + 1 >= CRASHES_TO_POISON:
        return FailFor(DeadLetterReason.POISON, code=faults.POISON)
    if not _may_be_retried(problem, raised):
        return FailFor(DeadLetterReason.NOT_RETRYABLE)
    failures = standing.spent + 1
    if failures >= standing.max_attempts:
        return FailFor(DeadLetterReason.ATTEMPTS_EXHAUSTED)
    if raised is not None and raised.after is not None:
        return RetryAfter(max(0.0, raised.after))
    at_least = (raised and raised.at_least) or 0.0
    return RetryAfter(max(at_least, backoff(failures, standing.limits, uniform=uniform)))


def backoff(failures: int, limits: Limits, *, uniform: Uniform) -> float:
    """Return seconds to wait after failure number `failures` (from 1): full jitter.

    Uniform in 0 … min(max_backoff, min_backoff * 2**(failures - 1)); see `pacing.full_jitter`.
    """
    doubled = limits.min_backoff_seconds * 2.0 ** min(failures - 1, _LARGEST_EXPONENT)
    return uniform(0.0, min(limits.max_backoff_seconds, doubled))


def _may_be_retried(problem: Problem, raised: Raised | None) -> bool:
    if raised is None:
        return problem.code != faults.RESULT_TOO_LARGE
    return raised.kind not in {"fail", "payload"} and raised.matched != "never_on"
