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

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
ID: Schema = {"type": "string", "format": "uuid", "pattern": f"^{JOB_ID.pattern}$"}  # UUIDv7
URI: Schema = {"type": "string", "format": "uri"}
WEBHOOK_URL: Schema = {"type": "string", "format": "uri", "maxLength": LONGEST_URL}
ANY_OBJECT: Schema = {"type": "object"}
LABELS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": f"^{LABEL.pattern}$"},
    "additionalProperties": {"type": "string", "maxLength": MAX_LABEL_VALUE},
}


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    job = _job()
    return {
        "Job": an_object_of(job),
        "AcceptedJob": an_object_of({**job, "access": ref("Access"), "deduplicated": FLAG}),
        "JobPage": an_object_of(
            {
                "data": {"type": "array", "items": ref("Job")},
                "page": an_object_of({"next": {"type": ["string", "null"]}, "has_more": FLAG}),
                "as_of": an_object_of({"epoch": TEXT, "seq": COUNT}),
            }
        ),
        "Access": an_object_of(_access()),
        "Token": an_object_of({**_access(), "unknown": {"type": "array", "items": TEXT}}),
        "JobType": _job_type(),
        "JobTypes": an_object_of({"data": {"type": "array", "items": ref("JobType")}}),
        "Error": _error(),
        "Problem": _problem(),
    }


def _access() -> dict[str, Schema]:
    return {"token": TEXT, "expires_at": TIME, "stream_url": URI}


def _job() -> dict[str, Schema]:
    return {
        "id": ID,
        "type": TEXT,
        "queue": TEXT,
        "state": {"enum": [state.value for state in State]},
        "final": FLAG,
        "revision": COUNT,
        "step": COUNT,
        "attempt": COUNT,
        "max_attempts": COUNT,
        "priority": COUNT,
        "payload": ANY_OBJECT,
        "result": {},
        "error": maybe(ref("Error")),
        "progress": {
            "type": ["object", "null"],
            "properties": {
                "current": {"type": ["number", "null"]},
                "total": {"type": ["number", "null"]},
                "percent": {"type": ["number", "null"]},
                "message": {"type": ["string", "null"]},
                "updated_at": TIME,
            },
        },
        "labels": LABELS,
        "unique_key": {"type": ["string", "null"]},
        "callback_url": {
            "type": ["string", "null"],
            "description": "null, but with the scope operate: it may hold a secret.",
        },
        "created_at": TIME,
        "run_at": MAYBE_TIME,
        "started_at": MAYBE_TIME,
        "finished_at": MAYBE_TIME,
        "expires_at": MAYBE_TIME,
        "submitted_by": TEXT,
        "retry_at": MAYBE_TIME,
        "cancel_requested_at": MAYBE_TIME,
        "stopped_by": {"enum": ["flag", "exception", "term", "kill", None]},
        "dead_letter": maybe(
            an_object_of({"since": TIME, "reason": {"enum": [r.value for r in DeadLetterReason]}})
        ),
        "discarded": maybe(
            an_object_of({"at": TIME, "by": TEXT, "reason": {"type": ["string", "null"]}})
        ),
        "redrives": COUNT,
        "attempts": {"type": "array", "items": _attempt()},
        "links": an_object_of({"self": URI, "events": URI, "stream": URI, "cancel": URI}),
    }


def _attempt() -> Schema:
    return an_object_of(
        {
            "number": COUNT,
            "started_at": TIME,
            "finished_at": MAYBE_TIME,
            "outcome": {"enum": [*(outcome.value for outcome in Outcome), None]},
            "error": maybe(ref("Error")),
            "worker": TEXT,
        }
    )


def _job_type() -> Schema:
    return an_object_of(
        {
            "type": TEXT,
            "version": COUNT,
            "summary": TEXT,
            "queue": TEXT,
            "isolation": {"enum": ["slot", "thread"]},
            "limits": _limits(),
            "payload_schema": ANY_OBJECT,
            "result_schema": {"type": ["object", "null"]},
            "workers": {
                **COUNT,
                "description": "Live workers that know it, serve its queue, and do not drain.",
            },
        }
    )


def _limits() -> Schema:
    maybe: Schema = {"type": ["number", "null"]}
    return an_object_of(
        {
            "soft_time_limit_seconds": maybe,
            "time_limit_seconds": maybe,
            "retries": COUNT,
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
    fault = an_object_of({"detail": TEXT, "pointer": {"type": "string", "format": "json-pointer"}})
    problem = an_object_of(
        {
            "type": TEXT,
            "title": TEXT,
            "status": COUNT,
            "detail": TEXT,
            "code": TEXT,
            "request_id": TEXT,
            "retryable": FLAG,
            "errors": {"type": "array", "items": fault},
        }
    )
    problem["properties"] |= {
        "did_you_mean": {"type": "array", "items": TEXT},
        "job_id": {**TEXT, "description": "The record that exists although this went wrong."},
        "withdrawn": {**FLAG, "description": "That job was called off again: it will not run."},
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


def an_object_of(properties: dict[str, Schema]) -> Schema:
    """Return an object that always has these members."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def a_request(
    properties: dict[str, Schema],
    *required: str,
    example: Schema | None = None,
    **rules: object,
) -> Schema:
    """Return the body of a request: no member but these, and the `required` ones always."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **rules,
    }
    return schema if example is None else {**schema, "examples": [example]}


def both(one: str, its_type: str, other: str, others_type: str) -> Schema:
    """Return what is true of an object that has both members, neither of them null."""
    properties = {one: {"type": its_type}, other: {"type": others_type}}
    return {"required": [one, other], "properties": properties}


def either(one: str, its: Schema, other: str, others: Schema) -> list[Schema]:
    """Return the rule (for oneOf) that of two members one is given and the other is not."""
    return [
        {"required": [one], "properties": {one: its, other: {"enum": [None, False]}}},
        {"required": [other], "properties": {one: {"type": "null"}, other: others}},
    ]


def seconds(most: int) -> Schema:
    """Return a duration that may be left out."""
    return {"type": ["number", "null"], "minimum": 0, "maximum": most}


def maybe(schema: Schema) -> Schema:
    """Return the same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    """Return a reference to one of `named`."""
    return {"$ref": f"#/components/schemas/{name}"}
