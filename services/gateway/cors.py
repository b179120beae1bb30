"""Which pages of other origins may call: those named, exactly; of this machine where none is.

No cookie means anything here, so a page of another origin can do nothing in its visitor's name:
this list only spares an honest page's owner from trying. It is the notifier's list too.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import uuid_utils
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import STATUS, respond

LOCAL_ORIGINS: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"
_METHODS: Final = ("GET", "POST")
_SENT: Final = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Prefer"),
    *("Traceparent", "Waymark-Tenant", "X-Request-Id"),
)
_EXPOSED: Final = (
    *("ETag", "Idempotent-Replayed", "Link", "Location", "Preference-Applied"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Request-Id"),
)
_CODE: Final = "origin-refused"


class Cors(CORSMiddleware):
    """Answers preflights and lets pages of allowed origins read the other answers."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        """Allow exactly `origins`; none: any port of this machine, for development."""
        super().__init__(
            app,
            allow_origins=origins,
            allow_origin_regex=None if origins else LOCAL_ORIGINS,
            allow_methods=_METHODS,
            allow_headers=_SENT,
            expose_headers=_EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a service that sends no Origin gets by with the one header."""
        if scope["type"] != "http" or any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return

        async def varying(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"vary", b"Origin")]
            await send(message)

        await self.app(scope, receive, varying)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer to a preflight; a refusal says which of the three it is."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == HTTPStatus.OK:
            return answer
        asked = {
            "origin": "origin",
            "method": "access-control-request-method",
            "headers": "access-control-request-headers",
        }
        refused = bytes(answer.body).decode().removeprefix("Disallowed CORS ").split(", ")
        words = ", ".join(f"{name} {request_headers.get(asked[name], '')!r}" for name in refused)
        detail = f"Pages may not call with this: {words[:300]}. WAYMARK_ORIGINS names the origins."
        request_id = uuid_utils.uuid7().hex
        allowed = {
            name: value
            for name, value in answer.headers.items()
            if name.startswith("access-control") or name == "vary"
        }
        return respond(
            STATUS[_CODE],
            code=_CODE,
            detail=detail,
            request_id=request_id,
            headers={**allowed, "x-request-id": request_id},
        )
