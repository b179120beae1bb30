"""What the API says of each call: the OpenAPI 3.1 parts that the routes' code cannot tell.

Requests and answers are not pydantic models (they are on the fast path, and payloads must stay
the text they are), so their schemas stand in `schemas.py`. `assembling.py` adds what holds for
every call: who may call it, the errors that its shape makes possible, request ids.
"""

from typing import Any, Final

from services.gateway.openapi import headers
from services.gateway.openapi.filters import LIST_FILTERS
from services.gateway.openapi.headers import STANDING, answered
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT

Extra = dict[str, Any]
ERRORS: Final = "x-waymark-errors"  # a note for `assembling.py`, not part of the document


def _json(name: str) -> Extra:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def answer(description: str, name: str, *headers: str, links: Extra | None = None) -> Extra:
    """Return an answer whose body is the schema `name`, with these headers of `headers.py`."""
    found = {"description": description, "headers": answered(*headers, *STANDING), **_json(name)}
    return found if links is None else {**found, "links": links}


_KEY: Final[list[Extra]] = [{"apiKey": []}]
_KEY_OR_TOKEN: Final[list[Extra]] = [{"apiKey": []}, {"browserToken": []}]


def operation(
    *answers: tuple[int, Extra],
    body: str | None = None,
    body_required: bool = True,
    parameters: tuple[Extra, ...] = (),
    security: list[Extra] = _KEY,
    errors: tuple[str, ...] = (),
    tenant: Extra = headers.TENANT,
) -> Extra:
    """Return what FastAPI is told of a route beside its code.

    `errors` are the codes that this call alone can be refused with: those that follow from its
    body, its query, its path and its credentials come by themselves. `tenant` describes
    Waymark-Tenant where it means something else than usual.
    """
    extra: Extra = {
        "security": security,
        "parameters": [*parameters, tenant],
        ERRORS: list(errors),
    }
    if body:
        extra["requestBody"] = {"required": body_required, **_json(body)}
    return {"openapi_extra": extra, "responses": dict(answers)}


def _of_the_job(*names: str) -> Extra:
    """Return OpenAPI links from an answer that shows a job to calls about it."""
    return {
        name: {"operationId": name, "parameters": {"job": "$response.body#/id"}} for name in names
    }


_SUBMITTED: Final = (
    *("Location", "ETag", "Retry-After", "Idempotent-Replayed", "Preference-Applied"),
)
_FOLLOWING: Final = _of_the_job("get_job", "post_cancel", "retry_job")


def submission(body: str, *, ended: str, safe: str, errors: tuple[str, ...] = ()) -> Extra:
    """Return a call that submits one job: `ended` and `safe` describe its 200 and its 202."""
    return operation(
        (200, answer(ended, "AcceptedJob", *_SUBMITTED, links=_FOLLOWING)),
        (202, answer(safe, "AcceptedJob", *_SUBMITTED, links=_FOLLOWING)),
        body=body,
        parameters=(headers.KEY, headers.TRACE, headers.WAIT),
        errors=(
            *("unknown-type", "payload-too-large"),
            *("idempotency-in-flight", "idempotency-key-reused", "quota-exceeded"),
            *("catalogue-empty", "temporarily-unavailable"),
            *errors,
        ),
    )


SUBMIT: Final = submission(
    "JobRequest",
    ended="It has ended within the time that the client preferred to wait, or it is the job that"
    " has the unique_key already (deduplicated).",
    safe="Safe: on record and in the broker.",
    errors=("unique-key-taken",),
)
CURSOR: Final[Extra] = {
    "name": "cursor",
    "in": "query",
    "description": "`page.next` of the page before, with the same filter.",
    "schema": {"type": "string"},
}
LIMIT: Final[Extra] = {
    "name": "limit",
    "in": "query",
    "description": "Of one page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
}
LIST_JOBS: Final = operation(
    (
        200,
        answer(
            "A page, newest first; it may be short, even empty, before the end: see `has_more`. "
            "`as_of` is where the tenant's feed stood when the page was read: whoever subscribes "
            "to the feed from the `as_of` of his first page misses nothing.",
            "JobPage",
            "Link",
        ),
    ),
    parameters=(*LIST_FILTERS, CURSOR, LIMIT),
)
READ_JOB: Final = operation(
    (200, answer("The job.", "Job", "ETag", "Retry-After", "Preference-Applied")),
    (
        304,
        {
            "description": "It is still as If-None-Match says.",
            "headers": answered("ETag", "Retry-After", "Preference-Applied", *STANDING),
        },
    ),
    parameters=(headers.KNOWN, headers.WAIT),
    security=_KEY_OR_TOKEN,
)
CANCEL_JOB: Final = operation(
    (
        200,
        answer(
            "It does not run and never will again.", "Job", "ETag", links=_of_the_job("get_job")
        ),
    ),
    (202, answer("It runs, and has been told to stop.", "Job", "ETag", "Retry-After")),
    body="CancelRequest",
    body_required=False,
    security=_KEY_OR_TOKEN,
    errors=("job-already-final",),
)
MINT_TOKEN: Final = operation(
    (201, answer("A browser token; `unknown` are no jobs of the tenant.", "Token")),
    body="TokenRequest",
    errors=("job-not-found",),
)
LIST_TYPES: Final = operation((200, answer("Every job type.", "JobTypes")))
READ_TYPE: Final = operation((200, answer("The job type.", "JobType")))
