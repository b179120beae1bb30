"""The log lines of the steps that jobs make here; nothing is decided by them."""

from typing import Final

import msgspec
import structlog

from shared.contracts.answers import ClaimAnswer, ClaimVerdict, Settled
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.operations import Fail, Retry, Settle
from shared.runtime import job_lines

_OF_STATE: Final = {
    State.SUCCEEDED: "job_succeeded",
    State.RETRYING: "job_retrying",
    State.FAILED: "job_failed",
    State.CANCELLED: "job_cancelled",
    State.QUEUED: "job_handed_back",
}
_OF_CLAIM: Final = {
    ClaimVerdict.CANCELLED: ("job_cancelled", State.CANCELLED, None),
    ClaimVerdict.EXPIRED: ("job_expired", State.EXPIRED, None),
    ClaimVerdict.POISON: ("job_failed", State.FAILED, DeadLetterReason.POISON),
    ClaimVerdict.EXHAUSTED: ("job_failed", State.FAILED, DeadLetterReason.ATTEMPTS_EXHAUSTED),
}


class _Told(msgspec.Struct):
    code: str = ""


_decode: Final = msgspec.json.Decoder(_Told).decode


def tell_start(job: JobRecord) -> None:
    """An attempt begins."""
    structlog.contextvars.bind_contextvars(attempt=job.attempt)  # for what follows in this thread
    worker = job.attempts[-1].worker if job.attempts else ""
    job_lines.tell("job_started", job, worker=worker)


def tell_end(
    job: JobRecord, end: Settle, settled: Settled, outcome: Outcome, *, seconds: float
) -> None:
    """An attempt has ended, and that stands in the record."""
    if settled.state is None:
        return
    facts: dict[str, object] = {"state": settled.state, "outcome": outcome}
    if isinstance(end, Retry | Fail):
        facts["code"] = _decode(end.fault.error).code
    if isinstance(end, Fail) and settled.state is State.FAILED:
        facts["dead_letter"] = end.reason
    if settled.state is State.RETRYING:
        facts["delay_seconds"] = settled.delay / 1000
    event = _OF_STATE.get(settled.state, "job_settled")
    job_lines.tell(event, job, **facts, seconds=round(seconds, 3))


def tell_claim(message: RunJob, answer: ClaimAnswer) -> bool:
    """A job has ended by being claimed; False: it has not."""
    if answer.verdict not in _OF_CLAIM:
        return False
    event, state, reason = _OF_CLAIM[answer.verdict]
    facts = {} if reason is None else {"code": answer.code or reason, "dead_letter": reason}
    job_lines.tell(event, message, state=state, **facts)
    return True


def tell_parked(message: RunJob) -> None:
    """A job has failed because nobody knows its type."""
    reason = DeadLetterReason.UNKNOWN_TYPE
    job_lines.tell("job_failed", message, state=State.FAILED, code=reason, dead_letter=reason)
