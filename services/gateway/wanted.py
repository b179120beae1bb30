"""From the body of a request to the job that it asks for, with everything that is wrong with it."""

import re
import time
from typing import Final

from starlette.requests import Request

from services.gateway.parts import Parts
from services.gateway.refusals import Invalid
from services.gateway.requests.jobs import JobRequest, parse_job_request, payload_text

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,64}")


async def read_job_request(parts: Parts, body: bytes, parsed: object) -> tuple[JobRequest, str]:
    """Return the request in a body and the exact text of its payload; raises as its parts do."""
    try:
        wanted = parse_job_request(
            parsed,
            max_labels=parts.limits.labels,
            now_ms=time.time_ns() // 1_000_000,
            a_url=parts.webhooks.a_url,
        )
    except Invalid as invalid:
        more = await parts.submission.also_wrong(parsed)
        raise Invalid(errors=[*invalid.errors, *more]) from invalid
    return wanted, payload_text(body, limit=parts.limits.payload)


def traceparent_of(request: Request) -> str | None:
    """Return the W3C trace context of a request, None where it has none that is well-formed."""
    header = request.headers.get("traceparent")
    return header if header and _TRACEPARENT.fullmatch(header) else None
