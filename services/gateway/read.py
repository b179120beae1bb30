"""One job, for whoever may see it. What one may not see is not there."""

import re
from typing import Final

from services.gateway.credentials import Caller, Scope
from services.gateway.refusals import JobNotFound
from shared.contracts.job import JobRecord
from shared.contracts.operations import Read
from shared.ports import AsyncJobStore

JOB_ID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)


def is_job_id(text: str) -> bool:
    """Whether this is a UUIDv7 as we write them."""
    return JOB_ID.fullmatch(text) is not None


def check_readable(job: str, caller: Caller) -> None:
    """Let pass who may look at this job.

    Raises:
        JobNotFound: no id, or a browser token that does not name it.
        Forbidden: a key without the scope `read`.
    """
    if caller.grant is None:
        caller.demand(Scope.READ)
    elif not caller.grant.allows(job):
        raise JobNotFound
    if not is_job_id(job):
        raise JobNotFound


async def read_job(job: str, *, caller: Caller, store: AsyncJobStore) -> JobRecord:
    """Return the record of a job of the caller's tenant.

    Raises:
        JobNotFound: there is none that the caller may see.
        StoreUnavailable: the store did not answer in time.
    """
    check_readable(job, caller)
    record = await store.do(Read(tenant=caller.tenant, job=job))
    if record is None:
        raise JobNotFound
    return record
