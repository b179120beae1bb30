"""The schemas of answers, and the words all schemas are made of, for the OpenAPI document."""

from typing import Any

from services.gateway.problems import STATUS
from services.gateway.read import JOB_ID
from services.gateway.requests.jobs import (
    LABEL,
    MAX_LABEL_VALUE,
)
from shared.contracts.job import DeadLetterReason, Outcome
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


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    job = _job()
    return {
        "Job": _object(job),
        "AcceptedJob": _object({**job, "access": _ref("Access"), "deduplicated": _FLAG}),
        "JobPage": _object(
            {
                "data": {"type": "array", "items": _ref("Job")},
                "page": _object({"next": {"type": ["string", "null"]}, "has_more": _FLAG}),
            }
        ),
        "Access": _object({"token": _TEXT, "expires_at": _TIME, "stream_url": _URI}),
        "JobType": _job_type(),
        "JobTypes": _object({"data": {"type": "array", "items": _ref("JobType")}}),
        "Error": _error(),
        "Problem": _problem(),
    }


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
            "workers": {
                **_COUNT,
                "description": "Live workers that know it, serve its queue, and do not drain.",
            },
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
