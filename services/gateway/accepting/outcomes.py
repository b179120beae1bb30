"""What became of a job that was submitted, and what the store's answer means for it. Pure."""

from collections.abc import Sequence

import msgspec

from services.gateway.refusals import (
    InFlight,
    KeyReused,
    QuotaExceeded,
    Unavailable,
    UniqueKeyTaken,
)
from shared.contracts.answers import Submitted, SubmitVerdict
from shared.contracts.errors import StoreUnavailable, WaymarkError
from shared.contracts.idempotency import Recall
from shared.contracts.job import JobRecord
from shared.contracts.operations import Submit


class Accepted(msgspec.Struct, frozen=True):
    """A job that is safe. `replayed`: its Idempotency-Key was known; `deduplicated`: another's."""

    job: JobRecord
    replayed: bool
    deduplicated: bool = False

    @property
    def outcome(self) -> str:
        """How it is counted."""
        if self.deduplicated:
            return "deduplicated"
        return "replayed" if self.replayed else "accepted"


Outcome = Accepted | WaymarkError
"""What became of one job; an error is for its client.

Unavailable, StoreUnavailable: it is not safe. With `job_id` in the former its record exists, and
the same key publishes the same job again; with `withdrawn` it was called off. InFlight, KeyReused,
UniqueKeyTaken, QuotaExceeded: no job was made. Withheld: nor here, because of another job.
"""


class Withheld(WaymarkError):
    """Nothing is wrong with this job, but with another that it was to come in with."""


def meaning(asked: Submit | Recall, answer: Submitted) -> Outcome:
    """Return what the store's answer comes to, if what is to be published gets there."""
    if answer.verdict is SubmitVerdict.ACCEPTED and answer.job is not None:
        return Accepted(answer.job, replayed=False)
    match answer.verdict:
        case SubmitVerdict.IN_FLIGHT:
            return InFlight()
        case SubmitVerdict.TAKEN:
            return UniqueKeyTaken(extra={"job_id": answer.holder})
        case SubmitVerdict.OVER_QUOTA:
            return _over_quota(asked.quota if isinstance(asked, Submit) else None)
        case SubmitVerdict.WITHHELD:
            return Withheld()
        case verdict if answer.job is not None:
            return Accepted(
                answer.job,
                replayed=verdict in {SubmitVerdict.REPLAYED, SubmitVerdict.REPUBLISH},
                deduplicated=verdict is SubmitVerdict.DUPLICATE,
            )
        case _:
            return KeyReused()


def unavailable(fault: BaseException, *, times: int) -> Sequence[Outcome]:
    """Return so many errors about one fault.

    Each client gets one of its own: what is raised twice grows the traceback of both.
    """
    if isinstance(fault, StoreUnavailable):
        return [because(StoreUnavailable(fault.detail), fault) for _ in range(times)]
    return [because(Unavailable(), fault) for _ in range(times)]


def because(error: WaymarkError, why: BaseException) -> WaymarkError:
    """Return the error with its cause, as `raise error from why` would have it."""
    error.__cause__ = why
    return error


def root_of(fault: BaseException) -> str:
    """Return in words what lies at the bottom of an error."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault) or type(fault).__name__


def _over_quota(quota: int | None) -> QuotaExceeded:
    return QuotaExceeded(
        f"The tenant has {quota} live jobs, the most it may: wait for some to end, or cancel them.",
        extra={"max_live_jobs": quota},
    )
