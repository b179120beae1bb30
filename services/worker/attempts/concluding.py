"""Turns the end of an attempt into the one change of the record that says so. Pure."""

from dataclasses import dataclass
from typing import Final

from services.worker import faults
from services.worker.attempts.watching import Ended, Why
from services.worker.cancelling import Rung
from services.worker.faults import Problem
from services.worker.retry import RetryAfter, Standing, Uniform, decide
from services.worker.slots.terms import Died, Raised, Returned
from shared.contracts.catalog import Limits
from shared.contracts.job import JobRecord
from shared.contracts.operations import Fail, Release, Retry, Settle, Stop, Succeed

_MS: Final = 1000
_TOLD_TO_STOP: Final = frozenset({Why.CANCEL, Why.SHUTDOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the end is judged by; `progress` is the last one, when the store has not heard it."""

    job: JobRecord
    token: str
    limits: Limits
    result_bytes_max: int
    progress: str | None
    zygote_alive: bool  # what dies with its worker is not charged


def conclude(ended: Ended, facts: Facts, *, uniform: Uniform) -> Settle | None:
    """Return how the attempt is settled; None when it lost its right to be."""
    event = ended.event
    if ended.why is Why.LOST:
        return None
    if isinstance(event, Returned) and not (ended.why is Why.CANCEL and event.heeded):
        return _returned(event, facts, uniform)
    if isinstance(event, Returned) or _obeyed(ended):
        return _stopped(ended, facts) if ended.why is Why.CANCEL else _released(facts)
    if isinstance(event, Raised):
        return _failed(faults.of_exception(event), event, facts, uniform)
    if ended.why is Why.HARD_LIMIT:
        problem = faults.of_hard_limit(facts.limits.time_limit_seconds)
        return _failed(problem, None, facts, uniform)
    if event.refused or not facts.zygote_alive:
        return _released(facts, lost=not event.refused)
    problem = (
        faults.of_overgrowth(event, facts.limits.max_rss_bytes)
        if event.overgrown
        else faults.of_death(event)
    )
    return _failed(problem, None, facts, uniform)


def _obeyed(ended: Ended) -> bool:
    # A Fail is the job's own verdict; anything else after an order counts as obeying it.
    is_verdict = isinstance(ended.event, Raised) and ended.event.kind == "fail"
    return ended.why in _TOLD_TO_STOP and not is_verdict


def _returned(event: Returned, facts: Facts, uniform: Uniform) -> Settle:
    size = len(event.result.encode())
    if size > facts.result_bytes_max:
        problem = faults.of_large_result(size, facts.result_bytes_max)
        return _failed(problem, None, facts, uniform)
    job = facts.job
    return Succeed(
        tenant=job.tenant,
        job=job.id,
        token=facts.token,
        progress=facts.progress,
        result=event.result,
    )


def _stopped(ended: Ended, facts: Facts) -> Settle:
    job = facts.job
    return Stop(
        tenant=job.tenant,
        job=job.id,
        token=facts.token,
        progress=facts.progress,
        rung=_rung_of(ended),
    )


def _rung_of(ended: Ended) -> str:
    # Who has seen the flag may tidy up for longer than that stands; but not until SIGTERM.
    heeded = None if isinstance(ended.event, Died) else ended.event.heeded
    return heeded if heeded and ended.rung < Rung.TERM else ended.rung.word


def _released(facts: Facts, *, lost: bool = False) -> Settle:
    job = facts.job
    return Release(
        tenant=job.tenant, job=job.id, token=facts.token, progress=facts.progress, lost=lost
    )


def _failed(problem: Problem, raised: Raised | None, facts: Facts, uniform: Uniform) -> Settle:
    job = facts.job
    standing = Standing(
        spent=job.spent,
        crashes=job.crashes,
        max_attempts=job.max_attempts,
        limits=facts.limits,
    )
    way = decide(problem, raised, standing, uniform=uniform)
    if isinstance(way, RetryAfter):
        return Retry(
            tenant=job.tenant,
            job=job.id,
            token=facts.token,
            progress=facts.progress,
            fault=problem.render(retryable=True),
            delay=round(way.delay * _MS),
        )
    return Fail(
        tenant=job.tenant,
        job=job.id,
        token=facts.token,
        progress=facts.progress,
        fault=problem.render(retryable=False, code=way.code),
        reason=way.reason,
    )
