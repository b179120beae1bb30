"""What the API says of itself: the OpenAPI 3.1 parts that the routes' code cannot tell.

Requests and answers are not pydantic models (they are on the fast path, and payloads must stay
the text they are), so their schemas stand here.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.gateway.access import MAX_JOBS
from services.gateway.openapi import access_schemas, letter_schemas, schemas
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT

Extra = dict[str, Any]
_CALLS: Final = ("get", "post", "put", "patch", "delete")


def _json(name: str) -> Extra:
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def answer(description: str, name: str, *headers: str) -> Extra:
    """Return an answer whose body is the schema `name`, with these headers."""
    described = {header: {"schema": {"type": "string"}} for header in headers}
    return {"description": description, "headers": described, **_json(name)}


def _header(name: str, description: str) -> Extra:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


_TENANT: Final = _header("Waymark-Tenant", "Platform keys only: whose jobs this is about.")
_WAIT: Final = _header("Prefer", "wait=N: hold the answer for at most N seconds, N up to 30.")
_KEY: Final[list[Extra]] = [{"apiKey": []}]
_KEY_OR_TOKEN: Final[list[Extra]] = [{"apiKey": []}, {"browserToken": []}]


def operation(
    *answers: tuple[int, Extra],
    body: str | None = None,
    body_required: bool = True,
    parameters: tuple[Extra, ...] = (),
    security: list[Extra] = _KEY,
) -> Extra:
    """Return what FastAPI is told of a route beside its code: answers, body, parameters."""
    extra: Extra = {"security": security, "parameters": [*parameters, _TENANT]}
    if body:
        extra["requestBody"] = {"required": body_required, **_json(body)}
    return {"openapi_extra": extra, "responses": dict(answers)}


SUBMIT: Final = operation(
    (
        200,
        answer("It has ended within the time that the client preferred to wait.", "AcceptedJob"),
    ),
    (202, answer("Safe: on record and in the broker.", "AcceptedJob", "Location", "ETag")),
    body="JobRequest",
    parameters=(
        _header("Idempotency-Key", "One key, one job: 1-255 visible characters, kept 24 h."),
        _header("Traceparent", "W3C trace context; handed on to the worker."),
        _WAIT,
    ),
)
LIST_JOBS: Final = operation(
    (200, answer("A page, newest first.", "JobPage", "Link")),
    parameters=(
        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
        {
            "name": "limit",
            "in": "query",
            "schema": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_LIMIT,
                "default": DEFAULT_LIMIT,
            },
        },
    ),
)
READ_JOB: Final = operation(
    (200, answer("The job.", "Job", "ETag", "Retry-After")),
    (304, {"description": "It is still as If-None-Match says."}),
    parameters=(_header("If-None-Match", "An ETag: 304 while the job is as it was."), _WAIT),
    security=_KEY_OR_TOKEN,
)
CANCEL_JOB: Final = operation(
    (200, answer("It does not run and never will again.", "Job", "ETag")),
    (202, answer("It runs, and has been told to stop.", "Job", "ETag", "Retry-After")),
    body="CancelRequest",
    body_required=False,
    security=_KEY_OR_TOKEN,
)
MINT_TOKEN: Final = operation((201, answer("A browser token.", "Access")), body="TokenRequest")
LIST_TYPES: Final = operation((200, answer("Every job type.", "JobTypes")))
READ_TYPE: Final = operation((200, answer("The job type.", "JobType")))


def complete(app: FastAPI) -> None:
    """Make `app.openapi()` return the whole document, built at the first call."""

    def document() -> Extra:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


def _document(app: FastAPI) -> Extra:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        openapi_version=app.openapi_version,
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    components["schemas"] = {
        **schemas.named(max_token_jobs=MAX_JOBS),
        **letter_schemas.named(),
        **access_schemas.named(),
    }
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "wm_<id>_<secret>"},
        "browserToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    for path in document["paths"].values():
        for call in _CALLS:
            if call in path:
                # FastAPI describes its own validation error, which never leaves this house
                path[call]["responses"].pop("422", None)
                path[call]["responses"]["default"] = {
                    "description": "Whatever went wrong: `code` says what.",
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
                    },
                }
    return document
