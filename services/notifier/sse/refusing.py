"""Why there are no events for somebody, as a problem of RFC 9457 in the shape of the house."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import uuid4

import msgspec
from starlette.responses import Response


class Refused(Exception):
    """Answered with a problem; `retry_after` in seconds."""

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, *, retry_after: int | None = None
    ) -> None:
        """Say which."""
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail
        self.retry_after = retry_after


def problem(refusal: Refused, allowed: Mapping[str, str]) -> Response:
    """Return the answer; `allowed`: the headers by which a page may read it."""
    request_id = uuid4().hex
    document = {
        "type": f"urn:waymark:problem:{refusal.code}",
        "title": refusal.code.replace("-", " ").capitalize(),
        "status": int(refusal.status),
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": request_id,
        "retryable": refusal.retry_after is not None or refusal.code == "token-expired",
        "errors": [],
    }
    headers = {**allowed, "x-request-id": request_id, "cache-control": "no-store"}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="waymark"'
    return Response(
        msgspec.json.encode(document), refusal.status, headers, "application/problem+json"
    )
