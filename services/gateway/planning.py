"""From a request and its job type to the operation that puts the job on record."""

from dataclasses import dataclass
from typing import Final

import uuid_utils

from services.gateway.catalogue import JobType
from services.gateway.credentials import Caller
from services.gateway.requests.jobs import JobRequest
from shared.contracts.job import DEFAULT_RETENTION
from shared.contracts.operations import IdempotencyKey, Submit
from shared.contracts.tracing import TraceContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for every job: `retention` (ms), unless its type says otherwise; the quota."""

    retention: int = DEFAULT_RETENTION
    max_live_jobs: int | None = None


USUAL_TERMS: Final = Terms()


def operation_for(
    request: JobRequest,
    payload: str,
    job_type: JobType,
    *,
    caller: Caller,
    trace: TraceContext,
    key: IdempotencyKey | None,
    terms: Terms,
) -> Submit:
    """Return the operation that a checked request asks for; it gives the job its id."""
    entry = job_type.entry
    kept = entry.limits.retention_seconds
    return Submit(
        tenant=caller.tenant,
        job=str(uuid_utils.uuid7()),
        type=entry.type,
        type_version=entry.version,
        queue=request.queue or entry.queue,
        priority=request.priority,
        payload=payload,
        max_attempts=request.max_attempts or entry.limits.retries + 1,
        labels=request.labels,
        submitted_by=caller.name,
        delay=request.delay,
        run_at=request.run_at,
        expires_at=request.expires_at,
        key=key,
        traceparent=trace.traceparent,
        tracestate=trace.tracestate,
        retention=terms.retention if kept is None else round(kept * 1000),
        quota=terms.max_live_jobs,
        unique_key=request.unique_key,
        on_conflict=request.on_conflict,
        callback_url=request.callback_url,
    )
