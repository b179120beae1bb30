"""What the API says of POST /v1/jobs/bulk."""

from typing import Any, Final

from services.gateway.openapi import headers
from services.gateway.openapi.document import answer, operation
from services.gateway.openapi.schemas import FLAG, ID, Schema, a_request, an_object_of, ref
from services.gateway.requests.bulk import MOST_JOBS

WORTH_A_REPEAT: Final = frozenset({429, 503})

SUBMIT_BULK: Final = operation(
    (
        200,
        answer(
            "What became of each job, in the order of the request: 202 is safe, 200 is the job that"
            " has its unique_key already, everything else is a problem. With `atomic` all are on"
            " record; one that the broker has not confirmed yet is a 503 with its `job_id`, and"
            " runs all the same.",
            "BulkAnswer",
            "Idempotent-Replayed",
            "Retry-After",
        ),
    ),
    body="BulkRequest",
    parameters=(headers.KEY, headers.TRACE),
    errors=(
        *("unknown-type", "payload-too-large", "unique-key-taken"),
        *("idempotency-in-flight", "idempotency-key-reused", "quota-exceeded"),
        *("catalogue-empty", "temporarily-unavailable"),
    ),
)


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    return {
        "BulkRequest": a_request(
            {
                "jobs": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MOST_JOBS,
                    # without `atomic`, one that breaks the rules is answered by itself
                    "items": {"anyOf": [ref("JobRequest"), {}]},
                },
                "atomic": {
                    "type": ["boolean", "null"],
                    "default": False,
                    "description": "All are put on record, or none: 4xx with pointers.",
                },
            },
            "jobs",
            example={
                "jobs": [
                    {"type": "csv.profile", "payload": {"source": "s3://reports/1.csv"}},
                    {"type": "csv.profile", "payload": {"source": "s3://reports/2.csv"}},
                ]
            },
        ),
        "BulkAnswer": an_object_of({"data": {"type": "array", "items": _item()}}),
    }


def example() -> dict[str, Any]:
    """Return an answer to show."""
    first = {"index": 0, "status": 202, "id": "019b7904-3c80-7c6e-9d3b-5f2a8e4d1c07"}
    problem = {
        "type": "urn:waymark:problem:validation-failed",
        "title": "Validation failed",
        "status": 422,
        "detail": "This does not fit csv.profile: `errors` points to each fault.",
        "code": "validation-failed",
        "request_id": "01a1fb83fbfa755fab224e3a99676b9c",
        "retryable": False,
        "errors": [{"detail": "This is required.", "pointer": "/jobs/1/payload/source"}],
    }
    return {"data": [first, {"index": 1, "status": 422, "problem": problem}]}


def _item() -> Schema:
    safe = an_object_of({"index": _index(), "status": {"enum": [200, 202]}, "id": ID})
    safe["properties"] |= {"replayed": FLAG, "deduplicated": FLAG}
    refused = an_object_of({"index": _index(), "status": _status(), "problem": ref("Problem")})
    return {"oneOf": [safe, refused]}


def _index() -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": MOST_JOBS - 1}


def _status() -> Schema:
    return {"type": "integer", "minimum": 400, "maximum": 599}
