"""The schemas of what clients send about jobs and tokens, for the OpenAPI document."""

from services.gateway.access import LONGEST_TTL_SECONDS, MAX_JOBS, SUBMIT_TTL_SECONDS
from services.gateway.cancel import LONGEST_GRACE_SECONDS, LONGEST_REASON
from services.gateway.openapi.schemas import (
    ID,
    LABELS,
    MAYBE_TIME,
    WEBHOOK_URL,
    Schema,
    a_request,
    both,
    either,
    seconds,
)
from services.gateway.requests.jobs import (
    DEFAULT_PRIORITY,
    LONGEST_UNIQUE_KEY,
    MAX_ATTEMPTS,
    MAX_DELAY_SECONDS,
    MAX_PRIORITY,
    QUEUE,
    TYPE,
)
from shared.contracts.job import OnConflict


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    return {
        "JobRequest": _job_request(),
        "TokenRequest": _token_request(),
        "CancelRequest": a_request(
            {
                "reason": {"type": ["string", "null"], "maxLength": LONGEST_REASON},
                "grace_seconds": seconds(LONGEST_GRACE_SECONDS),
            },
            example={"reason": "no longer needed", "grace_seconds": 5},
        ),
    }


def _job_request() -> Schema:
    return a_request(
        {
            "type": {"type": "string", "pattern": f"^{TYPE.pattern}$"},
            "payload": {"type": "object", "description": "Fits the schema in /v1/types/{type}."},
            "queue": {"type": ["string", "null"], "pattern": f"^{QUEUE.pattern}$"},
            "priority": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": MAX_PRIORITY,
                "default": DEFAULT_PRIORITY,
            },
            "delay_seconds": seconds(MAX_DELAY_SECONDS),
            "run_at": MAYBE_TIME,
            "expires_at": MAYBE_TIME,
            "labels": {**LABELS, "type": ["object", "null"]},
            "max_attempts": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": MAX_ATTEMPTS,
            },
            "unique_key": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": LONGEST_UNIQUE_KEY,
                "description": "No other job of the tenant that has not ended has it.",
            },
            "on_conflict": {
                "enum": [*OnConflict, None],
                "default": OnConflict.RETURN.value,
                "description": "Where the unique_key is taken: the job that has it, or 409.",
            },
            "callback_url": {
                **WEBHOOK_URL,
                "type": ["string", "null"],
                "description": "Told of every final state by a webhook; see `webhooks`.",
            },
        },
        "type",
        "payload",
        example={"type": "demo.steps", "payload": {"steps": 20, "seconds_per_step": 0.2}},
        **{
            "not": both("delay_seconds", "number", "run_at", "string"),
            "anyOf": [
                {"properties": {"on_conflict": {"type": "null"}}},
                {"required": ["unique_key"], "properties": {"unique_key": {"type": "string"}}},
            ],
        },
    )


def _token_request() -> Schema:
    return a_request(
        {
            "jobs": {"type": ["array", "null"], "items": ID, "minItems": 1, "maxItems": MAX_JOBS},
            "feed": {"type": ["boolean", "null"]},
            "cancel": {"type": ["boolean", "null"]},
            "ttl_seconds": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": LONGEST_TTL_SECONDS,
                "default": SUBMIT_TTL_SECONDS,
            },
        },
        example={"jobs": ["0190a0a0-0000-7000-8000-000000000001"], "ttl_seconds": 600},
        oneOf=either("jobs", {"type": "array"}, "feed", {"const": True}),
    )
