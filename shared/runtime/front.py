"""The front of a connection: uvicorn's own protocol, but what precedes a body has bounds.

httptools takes a head of any size and waits for its end for ever; so would uvicorn. What never
becomes a request is refused here, in the shape of every other error of the house (RFC 9457).
"""

import asyncio
import json
import secrets
from http import HTTPStatus
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES: Final = 64 * 1024  # request line and headers together
HEAD_SECONDS: Final = 15.0  # from the connection, or a request's first byte, to its blank line


class Front(HttpToolsProtocol):
    """One connection of a client."""

    head_seconds: ClassVar[float] = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever uvicorn gives
        """Wait for the first head."""
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_size = 0
        self._head_ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count the time."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless this head is too large by now."""
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > HEAD_BYTES:
                detail = f"The headers are larger than {HEAD_BYTES} bytes."
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self._refuse(status, "headers-too-large", detail)

    def on_message_begin(self) -> None:
        """Count what comes before the blank line."""
        super().on_message_begin()
        self._in_head, self._head_size = True, 0
        self._arm()

    def on_headers_complete(self) -> None:
        """Let it pass."""
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, "bad-request", msg)

    def _arm(self) -> None:
        if self._head_ends is None:
            self._head_ends = self.loop.call_later(self.head_seconds, self._hang_up)

    def _disarm(self) -> None:
        if self._head_ends is not None:
            self._head_ends.cancel()
            self._head_ends = None

    def _hang_up(self) -> None:
        self._head_ends = None
        before: RequestResponseCycle | None = self.cycle
        if before is None or before.response_complete:  # else it waits behind an answer
            self.transport.close()

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        self._in_head = False
        if self.transport.is_closing():
            return
        request_id = secrets.token_hex(16)
        body = json.dumps(
            {
                "type": f"urn:waymark:problem:{code}",
                "title": code.replace("-", " ").capitalize(),
                "status": int(status),
                "detail": detail,
                "code": code,
                "request_id": request_id,
                "retryable": False,
                "errors": [],
            }
        ).encode()
        head = (
            f"HTTP/1.1 {int(status)} {status.phrase}\r\n"
            "content-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
