"""The front of a connection: uvicorn's own protocol, but nothing is waited for without a bound.

httptools takes a head of any size and waits for its end for ever; so would uvicorn. It also
forgets its keep-alive timer when the rest of a body arrives after the answer, holds as many
pipelined requests as one read has room for, and lets a client that reads nothing keep its request.
What never becomes a request is refused here, in the shape of every other error of the house
(RFC 9457).
"""

import asyncio
import json
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES: Final = 64 * 1024  # request line and headers together
HEAD_SECONDS: Final = 15.0  # from the connection, or a request's first byte, to its blank line
TAIL_SECONDS: Final = 15.0  # from an answer to the end of a body that it did not wait for
STUCK_SECONDS: Final = 20.0  # in which a client has to take something of what waits for it
MOST_PIPELINED: Final = 100  # requests that wait on one connection
MOST_CONNECTIONS: Final = 100_000
_BUSY: Final = "Too many connections are open: try again in a moment."


class NotOneHost(Exception):
    """A request of HTTP/1.1 names its host once (RFC 9112, 3.2); the parser answers 400."""


class TooManyPipelined(Exception):
    """A connection sent requests faster than it takes the answers."""


def bounded(front: "type[Front]", most_connections: int) -> "type[Front]":
    """Return the front of a process that has at most so many connections at once."""
    return type("BoundedFront", (front,), {"most_connections": most_connections})


class Front(HttpToolsProtocol):
    """One connection of a client."""

    head_seconds: ClassVar[float] = HEAD_SECONDS
    tail_seconds: ClassVar[float] = TAIL_SECONDS
    stuck_seconds: ClassVar[float] = STUCK_SECONDS
    most_connections: ClassVar[int] = MOST_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever uvicorn gives
        """Wait for the first head."""
        super().__init__(*args, **kwargs)
        self._in_head = self._in_message = False
        self._head_size = 0
        self._head_ends: asyncio.TimerHandle | None = None
        self._tail_ends: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count the time, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-connections", _BUSY)
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._disarm()
        for timer in (self._tail_ends, self._stuck):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for one that reads nothing."""
        super().pause_writing()
        self._expect_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on: it has read."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        super().resume_writing()

    def _expect_reading(self, waiting: int) -> None:
        self._stuck = self.loop.call_later(self.stuck_seconds, self._look_whether_it_reads, waiting)

    def _look_whether_it_reads(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < before:
            self._expect_reading(waiting)
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on, unless this head is too large by now."""
        super().data_received(data)
        if self._in_head:
            self._arm()
            self._head_size += len(data)
            if self._head_size > HEAD_BYTES:
                detail = f"The headers are larger than {HEAD_BYTES} bytes."
                status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self._refuse(status, "headers-too-large", detail)

    def on_message_begin(self) -> None:
        """Count what comes before the blank line."""
        super().on_message_begin()
        self._in_head, self._head_size = True, 0
        self._in_message = True

    def on_headers_complete(self) -> None:
        """Let it pass, unless too many wait before it."""
        self._in_head = False
        self._disarm()
        if len(self.pipeline) >= MOST_PIPELINED:
            self.transport.close()
            raise TooManyPipelined  # the parser stops there; nothing can be written any more
        if not _names_one_host(self.headers) and self.parser.get_http_version() == "1.1":
            raise NotOneHost
        self.begin_request()

    def begin_request(self) -> None:
        """Hand it to the app; its body may still be on the way."""
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next request, also when this one was answered long ago."""
        self._in_message = False
        super().on_message_complete()
        if self._tail_ends is not None:
            self._tail_ends.cancel()
            self._tail_ends = None
        if self._is_upgrade() or self.transport.is_closing():
            return
        if self.cycle.response_complete:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _is_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self._should_upgrade()

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that nobody reads any more, but not for ever."""
        super().on_response_complete()
        answered = self.cycle.response_complete and not self.transport.is_closing()
        if answered and self._in_message and self._tail_ends is None:
            self._tail_ends = self.loop.call_later(self.tail_seconds, self.transport.close)

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
        busy = status is HTTPStatus.SERVICE_UNAVAILABLE
        request_id = secrets.token_hex(16)
        body = json.dumps(
            {
                "type": f"urn:waymark:problem:{code}",
                "title": code.replace("-", " ").capitalize(),
                "status": int(status),
                "detail": detail,
                "code": code,
                "request_id": request_id,
                "retryable": busy,
                "errors": [],
            }
        ).encode()
        head = (
            f"HTTP/1.1 {int(status)} {status.phrase}\r\n"
            "content-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            + ("retry-after: 1\r\n" if busy else "")
            + "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _names_one_host(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    return [name for name, _ in headers].count(b"host") == 1
