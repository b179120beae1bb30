"""The WebSocket class that uvicorn gives each socket to: bytes in, session, frames out.

In place of uvicorn's own, because fan-out is this process's whole work: no ASGI task, queue or
timer per connection, and one event is framed once and written as the same bytes to everybody
(half the CPU a delivery of Starlette's `send_text`, a third of its memory). It relies on no more
of uvicorn than the constructor's arguments, `server_state.connections` and `shutdown`.
"""

import asyncio
import http
import socket
from collections.abc import Sequence
from typing import Any, Final, cast

import uvicorn
from uvicorn.server import ServerState
from websockets.exceptions import NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from services.notifier.closes import REASONS, Close
from services.notifier.effects import Effect, Locate, Send, Shut, Unwatch, Watch
from services.notifier.hub import Hub
from services.notifier.messages import PATH, SUBPROTOCOL
from services.notifier.session import Session
from shared.stream.merge import Event
from shared.stream.place import Place

# Unsent bytes that the kernel takes before it calls a socket full. Without it 3.9 MB of stale
# frames lay there before a slow client was noticed (measured).
_NOTSENT_LOWAT: Final = 16 * 1024
_NEVER: Final = float("inf")


class StreamConnection(asyncio.Protocol):
    """One client, from its handshake to its end: the `Watcher` of its jobs, and a `Sleeper`."""

    __slots__ = (
        "_connections",
        "_cut_at",
        "_hub",
        "_opcode",
        "_parts",
        "_session",
        "_slow_since",
        "_transport",
        "_wakes_at",
        "_ws",
    )

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Uvicorn's contract; the hub is in the state that the app's lifespan yields."""
        del config
        self._hub: Hub = app_state["hub"]
        self._connections = cast("set[Any]", server_state.connections)
        self._ws = ServerProtocol(
            origins=cast("Sequence[Origin | None]", self._hub.origins),
            select_subprotocol=_choose_subprotocol,
            max_size=self._hub.bounds.first_message,
        )
        self._transport: asyncio.Transport
        self._session: Session | None = None
        self._parts: list[bytes] = []
        self._opcode = Opcode.TEXT
        self._slow_since = _NEVER
        self._cut_at = _NEVER
        self._wakes_at = _NEVER

    # --- what uvicorn and the loop call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket; the handshake's bytes come next."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._transport.set_write_buffer_limits(high=self._hub.bounds.buffer_high)
        lowat = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        wire = transport.get_extra_info("socket")
        if lowat is not None and wire is not None and wire.family != socket.AF_UNIX:
            wire.setsockopt(socket.IPPROTO_TCP, lowat, _NOTSENT_LOWAT)

    def data_received(self, data: bytes) -> None:
        """Parse, answer, flush."""
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._read(event)
        self._flush()

    def pause_writing(self) -> None:
        """The client is slow: give it some time."""
        self._slow_since = self._hub.now()
        self._sleep()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._slow_since = _NEVER

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        del exc
        self._leave("lost")
        self._connections.discard(self)
        self._cut_at = self._slow_since = _NEVER

    def shutdown(self) -> None:
        """This process goes away; uvicorn calls it once for every connection."""
        if self._ws.state is OPEN:
            self._close(Close.DRAINING)
        else:
            self._transport.close()

    # --- what the hub calls

    def happened(self, job: str, event: Event) -> None:
        """As `Watcher`."""
        session = self._session
        if session is None:
            return
        effects = session.happened(job, event)
        if not effects:
            return
        self._do(effects)
        if event.transition:
            self._hub.tally.transitions += 1
        else:
            self._hub.tally.progress += 1

    def placed(self, job: str, place: Place | None) -> None:
        """As `Watcher`."""
        if self._session is not None:
            self._do(self._session.placed(job, place))

    def disturbed(self, job: str) -> None:
        """As `Watcher`."""
        if self._session is not None:
            self._do(self._session.disturbed(job))

    def wake(self, now: float) -> None:
        """As `Sleeper`."""
        self._wakes_at = _NEVER
        if now >= self._cut_at:
            self._transport.abort()
        elif now >= self._slow_since + self._hub.bounds.slow_for:
            self._close(Close.SLOW)
        elif self._session is not None:
            self._do(self._session.tick(now))
        self._sleep()

    # --- the rest is its own

    def _shake_hands(self, request: Request) -> None:
        if request.path.partition("?")[0] == PATH:
            response = self._ws.accept(request)
        else:
            response = self._ws.reject(http.HTTPStatus.NOT_FOUND, f"The stream is at {PATH}.\n")
        self._ws.send_response(response)
        if self._ws.state is OPEN:
            self._session = self._hub.new_session()
            self._hub.tally.connections += 1
            self._sleep()
        else:
            self._hub.tally.refused[str(response.status_code)] += 1

    def _read(self, frame: Frame) -> None:
        session = self._session
        if session is None:
            return
        if frame.opcode is Opcode.CLOSE:
            self._leave("client")
            return
        session.heard(self._hub.now())
        if frame.opcode in {Opcode.PING, Opcode.PONG}:
            return
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message, self._parts = b"".join(self._parts), []
            self._take(session, message)
            self._sleep()

    def _take(self, session: Session, message: bytes) -> None:
        now = self._hub.now()
        if self._opcode is Opcode.BINARY:
            self._do(session.received_binary(now))
            return
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self._close(Close.NOT_UTF8)
            return
        self._do(session.received(text, now))
        if session.open:
            self._ws.max_message_size = self._hub.bounds.message

    def _do(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            session = self._session
            if session is None:
                return
            if isinstance(effect, Send):
                self._write(effect.frame)
            elif isinstance(effect, Shut):
                self._close(effect.code)
            else:
                self._arrange(session.tenant, effect)

    def _arrange(self, tenant: str, effect: Watch | Locate | Unwatch) -> None:
        board = self._hub.switchboard
        if isinstance(effect, Watch):
            board.watch(tenant, effect.job, self, after_step=effect.after_step)
        elif isinstance(effect, Locate):
            board.locate(tenant, effect.job, self, after_step=effect.after_step)
        else:
            board.unwatch(tenant, effect.job, self)

    def _write(self, frame: bytes) -> None:
        self._transport.write(frame)
        if (
            self._slow_since != _NEVER
            and self._transport.get_write_buffer_size() > self._hub.bounds.buffer_bound
        ):
            self._close(Close.SLOW)

    def _close(self, code: Close) -> None:
        if self._ws.state is OPEN:
            self._ws.send_close(code, REASONS[code])
            self._leave(str(int(code)))
            self._flush()

    def _flush(self) -> None:
        ended = False
        for chunk in self._ws.data_to_send():
            self._transport.write(chunk)
            ended = ended or not chunk  # websockets' mark for the end of the stream
        if ended:
            why = self._ws.close_sent
            self._leave(str(why.code) if why else "lost")
            self._end_writing()
        if self._ws.state is not OPEN and self._cut_at == _NEVER:
            # A client that does not read may not keep its socket for ever.
            self._cut_at = self._hub.now() + self._hub.bounds.close_within
            self._sleep()

    def _end_writing(self) -> None:
        # A socket closed with unread data is reset, and the reset may overtake the close frame:
        # what still comes is read and thrown away until the client leaves or is cut off.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _leave(self, why: str) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        for job in session.jobs:
            self._hub.switchboard.unwatch(session.tenant, job, self)
        self._hub.tally.connections -= 1
        self._hub.tally.closed[why] += 1

    def _sleep(self) -> None:
        at = min(self._cut_at, self._slow_since + self._hub.bounds.slow_for)
        if self._session is not None:
            at = min(at, self._session.deadline)
        if at < self._wakes_at:
            self._wakes_at = self._hub.wake(self, at)


def _choose_subprotocol(
    _protocol: ServerProtocol, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Speak ours, also with a plain client that names none; never somebody else's.

    Raises:
        NegotiationError: others were offered; the handshake is answered with 400.
    """
    if offered and SUBPROTOCOL not in offered:
        raise NegotiationError(f"the subprotocol is {SUBPROTOCOL}")
    return Subprotocol(SUBPROTOCOL) if offered else None
