"""From the body of a request to the job that it asks for, with everything that is wrong with it."""

import time

from services.gateway.parts import Parts
from services.gateway.refusals import Invalid
from services.gateway.requests.jobs import JobRequest, parse_job_request, payload_text


async def read_job_request(parts: Parts, body: bytes, parsed: object) -> tuple[JobRequest, str]:
    """Return the request in a body and the exact text of its payload; raises as its parts do."""
    try:
        return read_at_once(parts, body, parsed)
    except Invalid as invalid:
        more = await parts.submission.also_wrong(parsed)
        raise Invalid(errors=[*invalid.errors, *more]) from invalid


def read_at_once(parts: Parts, body: bytes, parsed: object) -> tuple[JobRequest, str]:
    """Do the same, but say nothing of what the catalogue has against a body that is at fault."""
    wanted = parse_job_request(
        parsed,
        max_labels=parts.limits.labels,
        now_ms=time.time_ns() // 1_000_000,
        a_url=parts.webhooks.a_url,
    )
    return wanted, payload_text(body, limit=parts.limits.payload)
