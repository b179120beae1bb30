"""The front of a connection, with an express counter beside the app.

A request that has come whole with one read is offered to the clerk. What he does not take goes to
the app as if he had never seen it. The next request of a connection waits until he has answered,
as behind any other. This touches what uvicorn 0.x keeps to itself (`cycle`, `flow`, `pipeline`):
tests/integration/test_express.py holds it against the app's own answers.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

import structlog
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from shared.runtime.front import Front

RawHeader = tuple[bytes, bytes]

log = structlog.get_logger()


class Answer(Protocol):
    """Where an answer goes, once."""

    def __call__(self, head: bytes, body: bytes) -> None:
        """Write it; `head` is the status line and the header lines, without the blank one."""


class Clerk(Protocol):
    """Carries out one kind of request, if there is nothing special about it."""

    @property
    def target(self) -> bytes:
        """The request target of the POSTs that he wants to see."""

    def take(self, headers: Sequence[RawHeader], body: bytes, answer: Answer) -> bool:
        """Take a request and call `answer` later, or leave it to the app."""


def express(clerk: Clerk) -> type[Front]:
    """Return the front of a process whose plain requests this clerk sees first."""
    return type("BoundExpressFront", (ExpressFront,), {"clerk": clerk})


class ExpressFront(Front):
    """One connection of a client."""

    clerk: ClassVar[Clerk]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever uvicorn gives
        """Wait for the first request."""
        super().__init__(*args, **kwargs)
        self._body: list[bytes] | None = None  # of the request that the clerk may get

    def data_received(self, data: bytes) -> None:
        """Read on; a request whose end has not come with it is the app's."""
        super().data_received(data)
        if self._body is not None and not self.transport.is_closing():
            self._leave_to_app()

    def begin_request(self) -> None:
        """Keep it back if it could be the clerk's."""
        if self._is_plain():
            self._body = []
        else:
            super().begin_request()

    def on_body(self, body: bytes) -> None:
        """Collect what belongs to a request kept back."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Offer a request kept back."""
        if self._body is not None:
            before, ticket = self.cycle, _Ticket(self)
            self.cycle = ticket
            if self._takes(b"".join(self._body), ticket):
                self._body = None
            else:
                self.cycle = before
                self._leave_to_app()
        super().on_message_complete()

    def _takes(self, body: bytes, ticket: "_Ticket") -> bool:
        try:
            return self.clerk.take(self.headers, body, ticket.answer)
        except Exception:  # or the parser would call it a mistake of the client's
            log.exception("express_broke", meaning="the app answers in its place")
            return False

    def _is_plain(self) -> bool:
        return (
            self.url == self.clerk.target
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not self._is_answering()
        )

    def _is_answering(self) -> bool:
        before: RequestResponseCycle | None = self.cycle
        return before is not None and not before.response_complete

    def _leave_to_app(self) -> None:
        come, self._body = self._body or [], None
        super().begin_request()
        for part in come:
            super().on_body(part)


class _Deaf:
    def set(self) -> None:
        """Nobody waits for it."""


class _Ticket(RequestResponseCycle):
    """What uvicorn takes for a request under way: what it asks of one, and no more."""

    message_event: Any = _Deaf()

    def __init__(self, front: ExpressFront) -> None:
        self._front: Final = front
        self.response_complete = self.disconnected = False
        self.keep_alive = True  # until the server stops

    def answer(self, head: bytes, body: bytes) -> None:
        front = self._front
        self.response_complete = True
        if self.disconnected:
            return
        always = [b"%b: %b\r\n" % header for header in front.server_state.default_headers]
        if not self.keep_alive:
            always.append(b"connection: close\r\n")
        front.transport.write(b"".join([head, *always, b"\r\n", body]))
        if not self.keep_alive:
            front.transport.close()
        front.on_response_complete()
