"""The log lines of the steps that jobs make here, where it is not as plain as a submit."""

from typing import Final

from shared.contracts.answers import Archived, CancelAnswer, CancelVerdict, Moved
from shared.contracts.commands import RunJob
from shared.contracts.lifecycle import Event, State
from shared.contracts.tracing import trace_id_of
from shared.runtime import job_lines

_OF_EVENT: Final = {
    Event.LOST: ("job_reclaimed", State.QUEUED),
    Event.DUE: ("job_due", State.QUEUED),
    Event.EXPIRED: ("job_expired", State.EXPIRED),
}


def tell_move(tenant: str, moved: Moved) -> None:
    """A sweep has moved a job."""
    event, state = _OF_EVENT[moved.event]
    job_lines.tell_facts(
        event,
        {
            "job_id": moved.job,
            "tenant": tenant,
            "type": moved.type,
            "queue": moved.queue,
            "state": state,
            "attempt": moved.attempt,
            "trace_id": trace_id_of(moved.traceparent),
            "submitted_by": moved.submitted_by,
        },
    )


def tell_cancel(answer: CancelAnswer, *, by: str) -> None:
    """Somebody has called a job off, or asked its worker to stop it."""
    if answer.job is None:
        return
    if answer.ended:
        job_lines.tell("job_cancelled", answer.job, by=by)
    elif answer.verdict is CancelVerdict.REQUESTED:
        job_lines.tell("job_cancel_asked", answer.job, by=by)


def tell_filing(message: RunJob, archived: Archived) -> None:
    """The archivist has ended a job, for nobody else had."""
    if archived.ended == State.CANCELLED:
        job_lines.tell("job_cancelled", message, state=State.CANCELLED)
    elif archived.ended:
        job_lines.tell("job_failed", message, state=State.FAILED, code=archived.ended)
