"""Counts the jobs that a gateway ends: called off, expired while scheduled, given up."""

from typing import Final

from shared.contracts.answers import Archived, CancelAnswer
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason
from shared.contracts.lifecycle import State
from shared.runtime.metrics.endings import Endings, JobEnd, Kind

NO_CODE: Final = ""
_FILED: Final[dict[str, tuple[State, str, DeadLetterReason | None]]] = {
    "cancelled": (State.CANCELLED, NO_CODE, None),
    "rejected": (State.FAILED, "rejected", DeadLetterReason.NOT_RETRYABLE),
    "delivery_limit": (State.FAILED, "delivery_limit", DeadLetterReason.DELIVERY_LIMIT),
}
KINDS: Final[tuple[Kind, ...]] = (
    (State.EXPIRED, NO_CODE),
    *((state, code) for state, code, _ in _FILED.values()),
)
REASONS: Final = tuple(reason for _, _, reason in _FILED.values() if reason is not None)


def count_cancel(endings: Endings, answer: CancelAnswer) -> None:
    """Count a job that this cancel has ended."""
    job = answer.job
    if not answer.ended or job is None:
        return
    since = None if job.redrives else max(job.created_at, job.run_at or 0)
    endings.ended(JobEnd(queue=job.queue, type=job.type, state=State.CANCELLED, since=since))


def count_expiry(endings: Endings, queue: str, name: str) -> None:
    """Count a job that has expired before its run_at: nothing ran late."""
    endings.ended(JobEnd(queue=queue, type=name, state=State.EXPIRED))


def count_filing(endings: Endings, message: RunJob, archived: Archived) -> None:
    """Count a job that the archivist has ended, for nobody else had."""
    if not archived.ended:
        return
    state, code, reason = _FILED[archived.ended]
    queue = message.options.queue
    endings.ended(
        JobEnd(queue=queue, type=message.type, state=state, code=code, dead_letter=reason)
    )
