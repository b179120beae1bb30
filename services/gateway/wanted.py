"""From the body of a request to the job that it asks for, with everything that is wrong with it."""

import re
import time
from collections.abc import Mapping
from typing import Final

from services.gateway.parts import Parts
from services.gateway.refusals import Invalid
from services.gateway.requests.jobs import JobRequest, parse_job_request, payload_text

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.{0,64}")


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


def traceparent_of(headers: Mapping[str, str]) -> str | None:
    """Return the W3C trace context of a request, None where it has none that is well-formed."""
    header = headers.get("traceparent")
    return header if header and _TRACEPARENT.fullmatch(header) else None
