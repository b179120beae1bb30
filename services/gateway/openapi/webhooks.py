"""What the API says of webhooks: the calls about them, and what is sent."""

from typing import Any, Final

from services.gateway.openapi.document import Extra, answer, operation, submission
from services.gateway.openapi.schemas import (
    ANY_OBJECT,
    LABELS,
    MAYBE_TIME,
    TEXT,
    TIME,
    URI,
    WEBHOOK_URL,
    Schema,
    a_request,
    an_object_of,
    maybe,
    ref,
)
from services.gateway.requests.webhooks import EVENT_ID
from shared.contracts.lifecycle import FINAL_STATES, State

_ENDS: Final = [state.value for state in State if state in FINAL_STATES]

DELIVER: Final = submission(
    "WebhookRequest",
    ended="It has ended within the time that the client preferred to wait.",
    safe="Safe: it is tried until it is heard.",
)
READ_SECRET: Final = operation(
    (200, answer("The tenant's signing secrets.", "WebhookSecret")),
    errors=("webhooks-not-configured",),
)


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    secret: Schema = {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"}
    previous = "Older ones; while a rotation lasts, every webhook is signed with these too."
    return {
        "WebhookSecret": an_object_of(
            {
                "secret": {**secret, "description": "What Standard Webhooks libraries take."},
                "previous": {"type": "array", "items": secret, "description": previous},
            }
        ),
        "WebhookRequest": a_request(
            {
                "url": WEBHOOK_URL,
                "payload": {**ANY_OBJECT, "description": "The body that is sent."},
                "event_id": {
                    "type": ["string", "null"],
                    "pattern": f"^{EVENT_ID.pattern}$",
                    "description": "The header webhook-id; the job's id, if there is none.",
                },
            },
            "url",
            "payload",
            example={"url": "https://hooks.example.com/orders", "payload": {"order": 7}},
        ),
        "JobEvent": _job_event(),
    }


def sent() -> dict[str, Extra]:
    """Return the `webhooks` of the document: what receivers are sent."""
    signed = {
        "webhook-id": "The same however often it is sent: what to tell repeats by.",
        "webhook-timestamp": "Seconds since the epoch.",
        "webhook-signature": "`v1,<base64>`, several with spaces between them in a rotation.",
    }
    call = {
        "operationId": "job_ended",
        "tags": ["webhooks"],
        "summary": "A job with a `callback_url` has reached a final state.",
        "description": "Signed as Standard Webhooks 1.0 has it. At least once, in any order.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": TEXT}
            for name, text in signed.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("JobEvent")}},
        },
        "responses": {
            "2XX": {"description": "Heard: it is not sent again."},
            "410": {"description": "Never again: this delivery fails for good."},
            "default": {"description": "Sent again later, not before `Retry-After`."},
        },
    }
    return {"job.ended": {"post": call}}


def _job_event() -> Schema:
    maybe_count: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
    data = {
        "id": {"type": "string", "format": "uuid"},
        "type": TEXT,
        "queue": TEXT,
        "state": {"enum": _ENDS},
        "step": {"type": "integer", "minimum": 1},
        "attempt": maybe_count,
        "redrives": maybe_count,
        "labels": LABELS,
        "created_at": TIME,
        "started_at": MAYBE_TIME,
        "finished_at": TIME,
        "error": maybe(ref("Error")),
        "result": {},
        "omitted": {
            "type": "array",
            "items": {"enum": ["result", "error", "labels"]},
            "description": "What had no room: read it with `links.self`.",
        },
        "links": an_object_of({"self": URI, "events": URI, "stream": URI, "cancel": URI}),
    }
    return an_object_of(
        {
            "type": {"enum": [f"job.{state}" for state in _ENDS]},
            "timestamp": TIME,
            "data": an_object_of(data),
        }
    )
