"""The schemas of requests and answers, for the OpenAPI document."""

from typing import Any

from services.gateway.access import LONGEST_TTL_SECONDS, SUBMIT_TTL_SECONDS
from services.gateway.cancel import LONGEST_GRACE_SECONDS, LONGEST_REASON
from services.gateway.problems import STATUS
from services.gateway.read import JOB_ID
from services.gateway.requests.jobs import (
    DEFAULT_PRIORITY,
    LABEL,
    LONGEST_UNIQUE_KEY,
    MAX_ATTEMPTS,
    MAX_DELAY_SECONDS,
    MAX_LABEL_VALUE,
    MAX_PRIORITY,
    QUEUE,
    TYPE,
)
from shared.contracts.job import DeadLetterReason, OnConflict, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.webhooks.targets import LONGEST_URL

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
ID: Schema = {"type": "string", "format": "uuid", "pattern": f"^{JOB_ID.pattern}$"}  # UUIDv7
_URI: Schema = {"type": "string", "format": "uri"}
WEBHOOK_URL: Schema = {"type": "string", "format": "uri", "maxLength": LONGEST_URL}
_ANY_OBJECT: Schema = {"type": "object"}
_LABELS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": f"^{LABEL.pattern}$"},
    "additionalProperties": {"type": "string", "maxLength": MAX_LABEL_VALUE},
}


def named(*, max_token_jobs: int) -> dict[str, Schema]:
    """Return every schema by its name."""
    job = _job()
    return {
        "JobRequest": _job_request(),
        "Job": _object(job),
        "AcceptedJob": _object({**job, "access": _ref("Access"), "deduplicated": _FLAG}),
        "JobPage": _object(
            {
                "data": {"type": "array", "items": _ref("Job")},
                "page": _object({"next": {"type": ["string", "null"]}, "has_more": _FLAG}),
            }
        ),
        "CancelRequest": _request(
            {
                "reason": {"type": ["string", "null"], "maxLength": LONGEST_REASON},
                "grace_seconds": _seconds(LONGEST_GRACE_SECONDS),
            },
            example={"reason": "no longer needed", "grace_seconds": 5},
        ),
        "TokenRequest": _token_request(max_token_jobs),
        "Access": _object({"token": _TEXT, "expires_at": _TIME, "stream_url": _URI}),
        "JobType": _job_type(),
        "JobTypes": _object({"data": {"type": "array", "items": _ref("JobType")}}),
        "Error": _error(),
        "Problem": _problem(),
    }


def _job_request() -> Schema:
    return _request(
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
            "delay_seconds": _seconds(MAX_DELAY_SECONDS),
            "run_at": _MAYBE_TIME,
            "expires_at": _MAYBE_TIME,
            "labels": {**_LABELS, "type": ["object", "null"]},
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
        **{"not": _both("delay_seconds", "number", "run_at", "string")},
    )


def _token_request(most: int) -> Schema:
    return _request(
        {
            "jobs": {"type": ["array", "null"], "items": ID, "minItems": 1, "maxItems": most},
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
        oneOf=_either("jobs", {"type": "array"}, "feed", {"const": True}),
    )


def _job() -> dict[str, Schema]:
    return {
        "id": ID,
        "type": _TEXT,
        "queue": _TEXT,
        "state": {"enum": [state.value for state in State]},
        "final": _FLAG,
        "revision": _COUNT,
        "step": _COUNT,
        "attempt": _COUNT,
        "max_attempts": _COUNT,
        "priority": _COUNT,
        "payload": _ANY_OBJECT,
        "result": {},
        "error": _maybe(_ref("Error")),
        "progress": {
            "type": ["object", "null"],
            "properties": {
                "current": {"type": ["number", "null"]},
                "total": {"type": ["number", "null"]},
                "percent": {"type": ["number", "null"]},
                "message": {"type": ["string", "null"]},
                "updated_at": _TIME,
            },
        },
        "labels": _LABELS,
        "unique_key": {"type": ["string", "null"]},
        "callback_url": {
            "type": ["string", "null"],
            "description": "null, but with the scope operate: it may hold a secret.",
        },
        "created_at": _TIME,
        "run_at": _MAYBE_TIME,
        "started_at": _MAYBE_TIME,
        "finished_at": _MAYBE_TIME,
        "expires_at": _MAYBE_TIME,
        "submitted_by": _TEXT,
        "retry_at": _MAYBE_TIME,
        "cancel_requested_at": _MAYBE_TIME,
        "stopped_by": {"enum": ["flag", "exception", "term", "kill", None]},
        "dead_letter": _maybe(
            _object({"since": _TIME, "reason": {"enum": [r.value for r in DeadLetterReason]}})
        ),
        "discarded": _maybe(
            _object({"at": _TIME, "by": _TEXT, "reason": {"type": ["string", "null"]}})
        ),
        "redrives": _COUNT,
        "attempts": {"type": "array", "items": _attempt()},
        "links": _object({"self": _URI, "events": _URI, "stream": _URI, "cancel": _URI}),
    }


def _attempt() -> Schema:
    return _object(
        {
            "number": _COUNT,
            "started_at": _TIME,
            "finished_at": _MAYBE_TIME,
            "outcome": {"enum": [*(outcome.value for outcome in Outcome), None]},
            "error": _maybe(_ref("Error")),
            "worker": _TEXT,
        }
    )


def _job_type() -> Schema:
    return _object(
        {
            "type": _TEXT,
            "version": _COUNT,
            "summary": _TEXT,
            "queue": _TEXT,
            "isolation": {"enum": ["slot", "thread"]},
            "limits": _limits(),
            "payload_schema": _ANY_OBJECT,
            "result_schema": {"type": ["object", "null"]},
            "workers": _COUNT,
        }
    )


def _limits() -> Schema:
    maybe: Schema = {"type": ["number", "null"]}
    return _object(
        {
            "soft_time_limit_seconds": maybe,
            "time_limit_seconds": maybe,
            "retries": _COUNT,
            "min_backoff_seconds": {"type": "number"},
            "max_backoff_seconds": {"type": "number"},
            "max_rss_bytes": {"type": ["integer", "null"]},
            "retention_seconds": maybe,
        }
    )


def _error() -> Schema:
    return {
        "type": "object",
        "properties": {
            "code": {"type": ["string", "null"]},
            "message": {"type": ["string", "null"]},
            "type": {"type": ["string", "null"]},
            "retryable": {"type": ["boolean", "null"]},
            "traceback": {"type": "string", "description": "Only with the scope operate."},
        },
    }


def _problem() -> Schema:
    fault = _object({"detail": _TEXT, "pointer": {"type": "string", "format": "json-pointer"}})
    problem = _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": _COUNT,
            "detail": _TEXT,
            "code": _TEXT,
            "request_id": _TEXT,
            "retryable": _FLAG,
            "errors": {"type": "array", "items": fault},
        }
    )
    problem["properties"] |= {
        "did_you_mean": {"type": "array", "items": _TEXT},
        "job_id": {**_TEXT, "description": "The record that exists although this went wrong."},
        "withdrawn": {**_FLAG, "description": "That job was called off again: it will not run."},
    }
    faulty = {"detail": "This is required.", "pointer": "/payload/source"}
    example = {
        "type": "urn:waymark:problem:validation-failed",
        "title": "Validation failed",
        "status": 422,
        "detail": "The payload does not fit csv.profile: errors points to each fault.",
        "code": "validation-failed",
        "request_id": "01a1fb83fbfa755fab224e3a99676b9c",
        "retryable": False,
        "errors": [faulty],
    }
    codes = {code: int(status) for code, status in STATUS.items()}
    return {**problem, "examples": [example], "x-waymark-codes": codes}


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _request(
    properties: dict[str, Schema],
    *required: str,
    example: Schema | None = None,
    **rules: object,
) -> Schema:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **rules,
    }
    return schema if example is None else {**schema, "examples": [example]}


def _both(one: str, its_type: str, other: str, others_type: str) -> Schema:
    """Return what is true of an object that has both members, neither of them null."""
    properties = {one: {"type": its_type}, other: {"type": others_type}}
    return {"required": [one, other], "properties": properties}


def _either(one: str, its: Schema, other: str, others: Schema) -> list[Schema]:
    """Return the rule (for oneOf) that of two members one is given and the other is not."""
    return [
        {"required": [one], "properties": {one: its, other: {"enum": [None, False]}}},
        {"required": [other], "properties": {one: {"type": "null"}, other: others}},
    ]


def _seconds(most: int) -> Schema:
    return {"type": ["number", "null"], "minimum": 0, "maximum": most}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
