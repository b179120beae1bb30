"""A job is called off: what may be asked, and what the store's verdict means."""

from dataclasses import dataclass
from typing import Final

from services.gateway.credentials import Caller, Scope
from services.gateway.ends import count_cancel
from services.gateway.lines import tell_cancel
from services.gateway.metrics import Metrics
from services.gateway.read import check_readable, is_job_id
from services.gateway.refusals import AlreadyFinal, Forbidden, JobNotFound
from services.gateway.requests.fields import Fields, a_text, seconds_as_ms
from shared.contracts.answers import CancelVerdict
from shared.contracts.job import JobRecord
from shared.contracts.operations import Cancel
from shared.ports import AsyncJobStore

LONGEST_REASON: Final = 500  # characters
LONGEST_GRACE_SECONDS: Final = 3600

_reason: Final = a_text(longest=LONGEST_REASON)
_grace: Final = seconds_as_ms(LONGEST_GRACE_SECONDS)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job after it; `pending`: it runs, and its worker has been told."""

    job: JobRecord
    pending: bool


def parse_cancel(body: object, *, job: str, tenant: str) -> Cancel:
    """Return the operation that a body `{reason?, grace_seconds?}` asks for.

    Raises:
        Invalid: with a fault for each thing wrong.
    """
    fields = Fields(body)
    reason = fields.optional("reason", _reason)
    grace = fields.optional("grace_seconds", _grace)
    fields.finish()
    return Cancel(tenant=tenant, job=job, reason=reason, grace=grace)


def check_cancellable(job: str, caller: Caller) -> None:
    """Let pass who may call this job off.

    Raises:
        JobNotFound: no id, or a browser token that does not name it.
        Forbidden: the key or token does not allow it.
    """
    if caller.grant is None:
        caller.demand(Scope.SUBMIT, Scope.OPERATE)
        if not is_job_id(job):
            raise JobNotFound
        return
    check_readable(job, caller)
    if not caller.grant.cancel:
        raise Forbidden("This browser token may not cancel.")


async def cancel_job(
    operation: Cancel, *, by: str, store: AsyncJobStore, metrics: Metrics
) -> Cancelled:
    """Call a job off.

    Raises:
        JobNotFound: the tenant has no such job.
        AlreadyFinal: it has ended in another way.
        StoreUnavailable: the store did not answer in time; asking again is safe.
    """
    answer = await store.do(operation)
    count_cancel(metrics.endings, answer)
    tell_cancel(answer, by=by)
    job = answer.job
    if answer.verdict is CancelVerdict.TOMBSTONED:
        raise JobNotFound("There is no such job; should the store recall it, it is cancelled.")
    if job is None:
        raise JobNotFound
    if answer.verdict is CancelVerdict.ALREADY_FINAL:
        raise AlreadyFinal(f"The job is {job.state}.", extra={"state": job.state.value})
    return Cancelled(job, pending=answer.verdict is CancelVerdict.REQUESTED)
