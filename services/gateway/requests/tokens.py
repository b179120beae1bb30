"""What a client may say when it asks for a browser token."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from services.gateway.access import LONGEST_TTL_SECONDS, MAX_JOBS, SUBMIT_TTL_SECONDS
from services.gateway.read import is_job_id
from services.gateway.refusals import JobNotFound
from services.gateway.requests.fields import Broken, Fields, a_flag, a_whole_number
from shared.contracts.operations import Read
from shared.ports import AsyncJobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A browser token as asked for; `jobs` is empty for the feed."""

    jobs: frozenset[str]
    feed: bool
    cancel: bool
    ttl_seconds: int


def parse_token_request(body: object) -> TokenRequest:
    """Return the request in a body `{jobs | feed, ttl_seconds?, cancel?}`.

    Raises:
        Invalid: with a fault for each thing wrong.
    """
    fields = Fields(body)
    jobs = fields.optional("jobs", _some_ids)
    feed = fields.optional("feed", a_flag)
    cancel = fields.optional("cancel", a_flag)
    ttl = fields.optional("ttl_seconds", a_whole_number(1, LONGEST_TTL_SECONDS))
    if bool(feed) == (jobs is not None) and not fields.faults:
        fields.fault("jobs", 'Give a list of jobs, or "feed": true, not both.')
    fields.finish()
    return TokenRequest(
        jobs=jobs or frozenset(),
        feed=bool(feed),
        cancel=bool(cancel),
        ttl_seconds=ttl or SUBMIT_TTL_SECONDS,
    )


async def existing(jobs: Iterable[str], *, tenant: str, store: AsyncJobStore) -> frozenset[str]:
    """Return those that are jobs of this tenant: one that is gone must not cost the others.

    Raises:
        JobNotFound: none of them is.
    """
    wanted = [job for job in jobs if is_job_id(job)]
    found = await asyncio.gather(*(store.do(Read(tenant=tenant, job=job)) for job in wanted))
    there = frozenset(job for job, record in zip(wanted, found, strict=True) if record is not None)
    if not there:
        raise JobNotFound("There is none of these jobs.")
    return there


def _some_ids(value: object) -> frozenset[str]:
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= MAX_JOBS
        or not all(isinstance(item, str) for item in value)
    ):
        raise Broken(f"This must be a list of 1 to {MAX_JOBS} job ids.")
    return frozenset(value)
