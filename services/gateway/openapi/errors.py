"""Every error answer of every call: which codes it can bear, in the words that clients get."""

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from services.gateway.openapi.headers import STANDING, answered
from services.gateway.problems import MEDIA_TYPE, STATUS, problem, respond
from shared.contracts.errors import WaymarkError

Extra = dict[str, Any]

EVERY_CALL: Final = (
    *("bad-request", "bad-header", "tenant-required"),
    *("unauthenticated", "invalid-token", "token-expired", "token-revoked", "forbidden"),
    *(
        "headers-too-large",
        "too-many-connections",
        "rate-limited",
        "internal",
        "overloaded",
        "store-unavailable",
    ),
)
A_BODY: Final = (
    *("not-json", "request-timeout", "body-too-large", "unsupported-media-type"),
    *("too-deep", "validation-failed"),
)
A_QUERY: Final = ("validation-failed",)
A_CURSOR: Final = ("invalid-cursor",)
IN_PATH: Final = {
    "job": "job-not-found",
    "type": "type-not-found",
    "campaign": "campaign-not-found",
    "key": "key-not-found",
    "queue": "queue-not-found",
}
"""By the name of the path's parameter."""

_WITHOUT_CLASS: Final = {
    "bad-request": "This is no HTTP request that can be read.",
    "headers-too-large": "The request's line and headers are larger than 65536 bytes.",
    "internal": "Something went wrong inside Waymark.",
    "too-many-connections": "Too many connections are open: try again in a moment.",
}
_EXAMPLE_ID: Final = "01a1fb83fbfa755fab224e3a99676b9c"
_ALWAYS_SAYS_WHEN: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def codes_of(operation: Extra, named: Iterable[str]) -> tuple[str, ...]:
    """Return the codes that an operation can be refused with; `named`: beyond the usual ones."""
    parameters = operation.get("parameters", ())
    codes = [*EVERY_CALL, *named]
    if "requestBody" in operation:
        codes += A_BODY
    if any(one["in"] == "query" for one in parameters):
        codes += A_QUERY
    if any(one["name"] == "cursor" for one in parameters):
        codes += A_CURSOR
    codes += [IN_PATH[one["name"]] for one in parameters if one["name"] in IN_PATH]
    return tuple(code for code in STATUS if code in set(codes))


def by_status(codes: Iterable[str]) -> Mapping[HTTPStatus, tuple[str, ...]]:
    """Return the codes of each status, in the order of the statuses."""
    groups: dict[HTTPStatus, tuple[str, ...]] = {}
    for code in codes:
        groups[STATUS[code]] = (*groups.get(STATUS[code], ()), code)
    return dict(sorted(groups.items()))


def component_name(status: HTTPStatus, codes: Iterable[str]) -> str:
    """Return the name under which these codes of a status stand among the components."""
    return ".".join([str(int(status)), *codes])


def response(status: HTTPStatus, codes: tuple[str, ...]) -> Extra:
    """Return the description of one error answer that bears one of `codes`."""
    words = _words()
    headers = ["WWW-Authenticate"] if status is HTTPStatus.UNAUTHORIZED else []
    if status in _ALWAYS_SAYS_WHEN:
        headers = ["Come-Back-After"]
    elif status is HTTPStatus.CONFLICT:
        headers = ["Retry-After"]
    exact = {"properties": {"status": {"const": int(status)}, "code": {"enum": list(codes)}}}
    return {
        "description": "\n".join(f"- `{code}`: {words[code]}" for code in codes),
        "headers": answered(*headers, *STANDING),
        "content": {
            MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, exact]},
                "examples": {code: {"value": _example(code)} for code in codes},
            }
        },
    }


def _example(code: str) -> object:
    for kind in _kinds(WaymarkError):
        if kind.code == code:
            return json.loads(bytes(problem(kind(), request_id=_EXAMPLE_ID).body))
    answer = respond(
        STATUS[code],
        code=code,
        detail=_WITHOUT_CLASS[code],
        request_id=_EXAMPLE_ID,
        retryable=STATUS[code] in _ALWAYS_SAYS_WHEN,
    )
    return json.loads(bytes(answer.body))


def _words() -> Mapping[str, str]:
    own: dict[str, str] = {}
    for kind in _kinds(WaymarkError):  # of classes with one code the first says what it means
        own.setdefault(kind.code, (kind.__doc__ or "").partition("\n")[0])
    return own | _WITHOUT_CLASS


def _kinds(kind: type[WaymarkError]) -> Iterator[type[WaymarkError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)
