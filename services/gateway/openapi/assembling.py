"""The whole OpenAPI document: what each call says of itself, and what holds for all of them."""

from collections.abc import Collection, Iterator
from http import HTTPMethod
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route

from services.gateway.openapi import (
    access_schemas,
    bulk,
    errors,
    examples,
    letter_schemas,
    probe_calls,
    queue_schemas,
    request_schemas,
    schemas,
    webhooks,
)
from services.gateway.openapi.about import ABOUT, TAGS
from services.gateway.openapi.document import ERRORS
from services.gateway.openapi.headers import ANSWERED

Extra = dict[str, Any]
_CALLS: Final = frozenset(method.lower() for method in HTTPMethod)
_OF_PAGES: Final = (200, 304, 404, 500, 503)
_NAMED_BY_UUID: Final = frozenset({"job", "campaign"})


def complete(app: FastAPI) -> None:
    """Make `app.openapi()` return the whole document, built at the first call."""

    def document() -> Extra:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's documented way


def answers(app: FastAPI) -> Iterator[tuple[str, str, Collection[int]]]:
    """Yield each call, by method and path, and the statuses that it may be answered with."""
    told: set[str] = set()
    for path, calls in app.openapi()["paths"].items():
        told.add(path)
        for method in calls.keys() & _CALLS:
            yield method.upper(), path, [int(status) for status in calls[method]["responses"]]
    for route in app.routes:
        if isinstance(route, Route) and route.include_in_schema is False:
            yield from ((method, route.path, _OF_PAGES) for method in _methods(route, told))


def _methods(route: Route, told: Collection[str]) -> Collection[str]:
    return () if route.path in told else (route.methods or set()) - {"HEAD"}


def _document(app: FastAPI) -> Extra:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=ABOUT,
        openapi_version=app.openapi_version,
        routes=app.routes,
        tags=[{"name": name, "description": words} for name, words in TAGS.items()],
        servers=[{"url": "/", "description": "The gateway."}],
    )
    failures: dict[str, Extra] = {}
    for path, calls in document["paths"].items():
        for call in (calls[method] for method in calls if method in _CALLS):
            call["tags"] = [path.split("/")[2]]
            _tell_path(call)
            call["responses"] = _answers(call, failures)
    document["paths"] |= probe_calls.PATHS
    document["webhooks"] = webhooks.sent()
    document["components"] = {
        "schemas": _schemas(),
        "headers": ANSWERED,
        "responses": dict(sorted(failures.items())),
        "securitySchemes": {
            "apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "wm_<id>_<secret>"},
            "browserToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        },
    }
    return document


def _schemas() -> dict[str, Extra]:
    named = {
        **schemas.named(),
        **request_schemas.named(),
        **bulk.named(),
        **letter_schemas.named(),
        **access_schemas.named(),
        **queue_schemas.named(),
        **webhooks.named(),
        **probe_calls.named(),
    }
    for name, example in examples.by_schema().items():
        named[name]["examples"] = [example]
    return named


def _tell_path(call: Extra) -> None:
    for parameter in call.get("parameters", ()):
        if parameter["in"] == "path":
            parameter["schema"].pop("title", None)
            if parameter["name"] in _NAMED_BY_UUID:
                parameter["schema"] = schemas.ID


def _answers(call: Extra, failures: dict[str, Extra]) -> Extra:
    """Return every answer of a call; its error answers are added to `failures`."""
    # FastAPI describes its own validation error, which never leaves this house
    answers = {status: one for status, one in call["responses"].items() if status != "422"}
    for status, codes in errors.by_status(errors.codes_of(call, call.pop(ERRORS, ()))).items():
        name = errors.component_name(status, codes)
        if name not in failures:
            failures[name] = errors.response(status, codes)
        answers[str(int(status))] = {"$ref": f"#/components/responses/{name}"}
    return answers
