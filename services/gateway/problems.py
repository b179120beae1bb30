"""Error code → HTTP: the one mapping, and the RFC 9457 body every error is answered with."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from services.gateway.refusals import Refusal
from shared.contracts.errors import WaymarkError

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[str, HTTPStatus]] = {
    "not-json": HTTPStatus.BAD_REQUEST,
    "bad-header": HTTPStatus.BAD_REQUEST,
    "invalid-cursor": HTTPStatus.BAD_REQUEST,
    "tenant-required": HTTPStatus.BAD_REQUEST,
    "bad-request": HTTPStatus.BAD_REQUEST,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "invalid-token": HTTPStatus.UNAUTHORIZED,
    "token-expired": HTTPStatus.UNAUTHORIZED,
    "token-revoked": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "origin-refused": HTTPStatus.FORBIDDEN,
    "not-found": HTTPStatus.NOT_FOUND,
    "job-not-found": HTTPStatus.NOT_FOUND,
    "type-not-found": HTTPStatus.NOT_FOUND,
    "campaign-not-found": HTTPStatus.NOT_FOUND,
    "queue-not-found": HTTPStatus.NOT_FOUND,
    "webhooks-not-configured": HTTPStatus.NOT_FOUND,
    "key-not-found": HTTPStatus.NOT_FOUND,
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "request-timeout": HTTPStatus.REQUEST_TIMEOUT,
    "job-already-final": HTTPStatus.CONFLICT,
    "nothing-to-redrive": HTTPStatus.CONFLICT,
    "campaign-over": HTTPStatus.CONFLICT,
    "too-many-campaigns": HTTPStatus.CONFLICT,
    "key-in-file": HTTPStatus.CONFLICT,
    "key-not-active": HTTPStatus.CONFLICT,
    "too-many-secrets": HTTPStatus.CONFLICT,
    "too-many-keys": HTTPStatus.CONFLICT,
    "unique-key-taken": HTTPStatus.CONFLICT,
    "too-many-steps": HTTPStatus.CONFLICT,
    "idempotency-in-flight": HTTPStatus.CONFLICT,
    "body-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "payload-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "too-deep": HTTPStatus.UNPROCESSABLE_ENTITY,
    "validation-failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unknown-type": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unknown-queue": HTTPStatus.UNPROCESSABLE_ENTITY,
    "idempotency-key-reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "headers-too-large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,  # by shared/runtime/front.py
    "quota-exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "rate-limited": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "catalogue-empty": HTTPStatus.SERVICE_UNAVAILABLE,
    "temporarily-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "too-many-connections": HTTPStatus.SERVICE_UNAVAILABLE,  # by shared/runtime/front.py
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
    "store-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "broker-unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
_FRAMEWORK_CODES: Final = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "validation-failed",
}
_MUST_SAY_WHEN: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_RETRY_AFTER_SECONDS: Final = 2  # both stores reconnect within about a second


def framework_code(status: int) -> str:
    """Return the code for an error status that the framework itself came up with."""
    known = HTTPStatus(status)
    return _FRAMEWORK_CODES.get(
        known, "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad-request"
    )


def problem(error: WaymarkError, *, request_id: str) -> Response:
    """Return the response for an error; one without a mapping is internal and says nothing more."""
    status, document = described(error, request_id=request_id)
    retry_after = error.retry_after if isinstance(error, Refusal) else None
    return _respond(status, document, retry_after=retry_after)


def described(error: WaymarkError, *, request_id: str) -> tuple[HTTPStatus, dict[str, object]]:
    """Return the status of an error and the problem document that tells of it."""
    known = error.code in STATUS and error.code != "internal"
    refusal = error if isinstance(error, Refusal) else None
    status = STATUS[error.code] if known else HTTPStatus.INTERNAL_SERVER_ERROR
    return status, _document(
        status,
        code=error.code if known else "internal",
        detail=error.detail if known else "Something went wrong inside Waymark.",
        request_id=request_id,
        retryable=error.retryable,
        members={
            "errors": [{"detail": f.detail, "pointer": f.pointer} for f in refusal.errors]
            if refusal
            else [],
            **(refusal.extra if refusal else {}),
        },
    )


def respond(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    request_id: str,
    retryable: bool = False,
    retry_after: int | None = None,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document; `retry_after` in seconds, always there with 429 and 503."""
    document = _document(
        status,
        code=code,
        detail=detail,
        request_id=request_id,
        retryable=retryable,
        members=members or {},
    )
    return _respond(status, document, retry_after=retry_after, headers=headers)


def _document(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    request_id: str,
    retryable: bool,
    members: Mapping[str, object],
) -> dict[str, object]:
    return {
        "type": f"urn:waymark:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": request_id,
        "retryable": retryable,
        "errors": [],
        **members,
    }


def _respond(
    status: HTTPStatus,
    document: Mapping[str, object],
    *,
    retry_after: int | None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    extra = dict(headers or {})
    if retry_after is None and status in _MUST_SAY_WHEN:
        retry_after = _RETRY_AFTER_SECONDS
    if retry_after is not None:
        extra["retry-after"] = str(retry_after)
    if status == HTTPStatus.UNAUTHORIZED:
        extra["www-authenticate"] = 'Bearer realm="waymark"'
    if status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT}:
        extra["connection"] = "close"  # what is left of the body is not read
    return Response(msgspec.json.encode(document), status, extra, MEDIA_TYPE)
