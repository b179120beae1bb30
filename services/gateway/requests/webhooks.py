"""What a client may say when it sends a webhook: the fields of POST /v1/webhooks/deliver. Pure."""

import re
from typing import Final

from services.gateway.refusals import PayloadTooLarge
from services.gateway.requests.fields import Fields, Rule, a_name, an_object
from services.gateway.requests.jobs import DEFAULT_PRIORITY, JobRequest
from shared.contracts.webhooks import DELIVER

EVENT_ID: Final = re.compile(r"[A-Za-z0-9_:-]{1,128}", re.ASCII)
_event_id: Final = a_name(EVENT_ID)


def parse_webhook_request(
    body: object, text: bytes, *, a_url: Rule[str], limit: int
) -> tuple[JobRequest, str]:
    """Return the job that sends a webhook `{url, payload, event_id?}`, and its payload's text.

    Raises:
        Invalid: with a fault for each thing wrong.
        PayloadTooLarge: more than `limit` bytes.
    """
    fields = Fields(body)
    fields.required("url", a_url)
    fields.required("payload", an_object)
    fields.optional("event_id", _event_id)
    fields.finish()
    if len(text) > limit:
        raise PayloadTooLarge(f"The webhook is larger than {limit} bytes.")
    request = JobRequest(
        type=DELIVER,
        payload=an_object(body),  # the type's payload has the very same members
        queue=None,
        priority=DEFAULT_PRIORITY,
        delay=None,
        run_at=None,
        expires_at=None,
        labels={},
        max_attempts=None,
    )
    return request, text.decode()
