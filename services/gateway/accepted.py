"""What a client is told of a job that is safe: status, headers and body. Pure but for the clock."""

import time
from dataclasses import dataclass

from services.gateway.accepting.outcomes import Accepted
from services.gateway.credentials import Caller, Scope
from services.gateway.parts import Parts
from services.gateway.render import headers_of
from shared.contracts.job import JobRecord


@dataclass(slots=True)
class AcceptedAnswer:
    """The answer to a submit."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer_for(
    accepted: Accepted, job: JobRecord, parts: Parts, caller: Caller, *, waited: int | None = None
) -> AcceptedAnswer:
    """Return the answer that shows `job`; `waited` (s): for so long its end was waited for."""
    body = parts.renderer.accepted(
        job,
        operator=Scope.OPERATE in caller.scopes,
        access=parts.desk.for_job(job.tenant, job.id, key=caller.key),
        deduplicated=accepted.deduplicated,
    )
    headers = {"location": parts.renderer.location(job.id)}
    if accepted.replayed:
        headers["idempotent-replayed"] = "true"
    if waited:
        headers["preference-applied"] = f"wait={waited}"
    status = 200 if accepted.deduplicated or (waited and job.final) else 202
    return AcceptedAnswer(status, headers_of(job, time.time_ns() // 1_000_000, headers), body)
