"""Counts how attempts and jobs end, all under words of closed sets."""

from typing import Final

import msgspec

from services.worker import faults
from services.worker.attempts.watching import Ended, Why
from services.worker.metrics import WorkerMetrics
from services.worker.reasons import (
    FAIL_CODES,
    HANDLER,
    NO_CODE,
    CrashCause,
    DeliveryOutcome,
    RetryReason,
)
from services.worker.slots.terms import Died, Raised
from shared.contracts.answers import ClaimAnswer, ClaimVerdict, Settled
from shared.contracts.commands import RunJob
from shared.contracts.errors import WaymarkError
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import FINAL_STATES, State
from shared.contracts.operations import Fail, Retry, Settle
from shared.contracts.webhooks import DELIVER
from shared.runtime.metrics.endings import JobEnd

_OF_CLAIM: Final = {
    ClaimVerdict.CANCELLED: (State.CANCELLED, NO_CODE, None),
    ClaimVerdict.EXPIRED: (State.EXPIRED, NO_CODE, None),
    ClaimVerdict.POISON: (State.FAILED, faults.POISON, DeadLetterReason.POISON),
    ClaimVerdict.EXHAUSTED: (
        State.FAILED,
        faults.ATTEMPTS_EXHAUSTED,
        DeadLetterReason.ATTEMPTS_EXHAUSTED,
    ),
}
_OF_DELIVERY: Final = {
    State.SUCCEEDED: DeliveryOutcome.DELIVERED,
    State.RETRYING: DeliveryOutcome.RETRIED,
    State.FAILED: DeliveryOutcome.GIVEN_UP,
}
_OURS: Final = WaymarkError.__name__  # of a Fail that the slot itself has raised
_OF_KIND: Final = {"retry": RetryReason.ASKED, "soft_limit": RetryReason.SOFT_TIME_LIMIT}


class _Told(msgspec.Struct):
    code: str = ""


_decode: Final = msgspec.json.Decoder(_Told).decode


def count_end(
    metrics: WorkerMetrics,
    job: JobRecord,
    end: Settle,
    settled: Settled,
    ended: Ended,
    *,
    seconds: float,
) -> None:
    """Count an attempt whose end is written down, and its job where that has ended with it."""
    state, failed = settled.state, end if isinstance(end, Fail) else None
    if state in FINAL_STATES:
        metrics.endings.ended(
            JobEnd(
                queue=job.queue,
                type=job.type,
                state=state,
                code=code_of(failed, ended) if failed else NO_CODE,
                since=None if job.redrives else max(job.created_at, job.run_at or 0),
                dead_letter=failed.reason if failed else None,
            )
        )
    elif isinstance(end, Retry):
        metrics.retried(job, reason_of(ended))
    crashed = isinstance(end, Retry | Fail) and end.fault.outcome is Outcome.CRASHED
    if crashed and isinstance(ended.event, Died):
        metrics.crashed(cause_of(ended.event))
    if job.type == DELIVER and state in _OF_DELIVERY:
        metrics.webhook(_OF_DELIVERY[state], seconds)


def count_claim(metrics: WorkerMetrics, message: RunJob, answer: ClaimAnswer) -> None:
    """Count a job that has ended by being claimed."""
    kind = _OF_CLAIM.get(answer.verdict)
    if kind is None:
        return
    state, code, reason = kind
    facts = message.options
    metrics.endings.ended(
        JobEnd(
            queue=facts.queue,
            type=message.type,
            state=state,
            code=answer.code or code,
            # what is not its first message may have come of a redrive
            since=max(facts.recorded_at, facts.run_at or 0) if facts.dispatch == 1 else None,
            dead_letter=reason,
        )
    )


def count_parked(metrics: WorkerMetrics, message: RunJob) -> None:
    """Count a job that has failed because nobody knows its type."""
    facts = message.options
    metrics.endings.ended(
        JobEnd(
            queue=facts.queue,
            type=message.type,
            state=State.FAILED,
            code=faults.UNKNOWN_TYPE,
            since=max(facts.recorded_at, facts.run_at or 0) if facts.dispatch == 1 else None,
            dead_letter=DeadLetterReason.UNKNOWN_TYPE,
        )
    )


def code_of(end: Fail, ended: Ended) -> str:
    """Return the error code that a job which failed for good is counted under."""
    event = ended.event
    if isinstance(event, Raised) and event.kind == "fail" and event.type != _OURS:
        return HANDLER
    code = _decode(end.fault.error).code
    return code if code in FAIL_CODES else HANDLER


def reason_of(ended: Ended) -> RetryReason:
    """Return why the attempt that ended so is made again."""
    event = ended.event
    if isinstance(event, Raised):
        return _OF_KIND.get(event.kind, RetryReason.EXCEPTION)
    if ended.why is Why.HARD_LIMIT:
        return RetryReason.TIME_LIMIT
    if isinstance(event, Died) and event.overgrown:
        return RetryReason.MEMORY_LIMIT
    return RetryReason.CRASHED


def cause_of(died: Died) -> CrashCause:
    """Return how a slot died that nobody had told to."""
    if died.overgrown:
        return CrashCause.MEMORY
    return CrashCause.EXIT if died.signal is None else CrashCause.SIGNAL
