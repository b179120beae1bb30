"""The WebSocket class that uvicorn gives each socket to: bytes in, session, frames out.

In place of uvicorn's own, because fan-out is this process's whole work: no ASGI task, queue or
timer per connection, and one event is framed once and written as the same bytes to everybody
(half the CPU a delivery of Starlette's `send_text`, a third of its memory). It relies on no more
of uvicorn than the constructor's arguments, `server_state.connections`, `shutdown`, and that the
first `data_received` brings the whole head of the request.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, Final, cast

import structlog
import uvicorn
from uvicorn.server import ServerState

from services.notifier import handshake
from services.notifier.closes import Close, reason_for
from services.notifier.effects import FEED, Effect, Send, Shut, Unwatch
from services.notifier.guarding import guarded
from services.notifier.hub import Hub
from services.notifier.reading import Binary, Breach, Bye, Heard, Ping, Reader, Text
from services.notifier.session import Session
from services.notifier.wire import close_frame, closing_frame, pong_frame
from services.notifier.writing import NEVER, Outlet
from shared.stream.feed_place import Chapter
from shared.stream.merge import Event, Verdict
from shared.stream.place import Place

log = structlog.get_logger()

_APPLY: Final = Verdict.APPLY
_RESYNC: Final = Verdict.RESYNC
_AT_ONCE: Final = 4  # places that one who has caught up asks for; each that came brings the next


class StreamConnection(asyncio.Protocol):
    """One client, from its handshake to its end: the `Watcher` of its jobs, and a `Sleeper`."""

    __slots__ = (
        "_connections", "_cut_at", "_ended", "_hub", "_outlet", "_put_off", "_reader", "_session",
        "_transport", "_wakes_at",
    )  # fmt: skip

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
        self._transport: asyncio.Transport
        self._outlet: Outlet
        self._reader: Reader | None = None  # None: the handshake is still to come
        self._session: Session | None = None  # None: before the handshake, and after its close
        self._put_off: set[str] | None = None  # jobs whose place is read when it has caught up
        self._ended = False
        self._cut_at = NEVER
        self._wakes_at = NEVER

    # --- what uvicorn and the loop call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket; the handshake's bytes come next."""
        self._transport = cast("asyncio.Transport", transport)
        self._outlet = Outlet(self._transport, self._hub.flusher, self._hub.tally, self._hub.bounds)
        self._connections.add(self)

    @guarded
    def data_received(self, data: bytes) -> None:
        """Read, do, answer."""
        if self._reader is None:
            self._reader = Reader(self._hub.bounds.first_message)
            self._hub.arrivals.add(self, data)
            return
        for heard in self._reader.feed(data):
            self._hear(heard)

    def pause_writing(self) -> None:
        """The client is slow: thin out what it gets, and give it some time."""
        self._outlet.pause(self._hub.now())
        self._hub.slow.add(self._outlet)
        self._sleep()

    @guarded
    def resume_writing(self) -> None:
        """It has caught up."""
        self._outlet.resume()
        if self._outlet.slow_since == NEVER:
            self._hub.slow.discard(self._outlet)
        for _ in range(_AT_ONCE):
            self._read_put_off()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        del exc
        self._leave("lost")
        self._hub.slow.discard(self._outlet)
        self._outlet.forget()
        self._connections.discard(self)
        self._ended = True
        self._cut_at = NEVER

    def shutdown(self) -> None:
        """This process goes away; uvicorn calls it once for every connection."""
        if self._session is not None:
            self._close(Close.DRAINING)
        elif self._cut_at == NEVER:
            self._transport.close()

    # --- what the hub calls

    def happened(self, job: str, event: Event) -> None:
        """As `Watcher`; guarded by hand, which costs a delivery less."""
        session = self._session
        if session is None:
            return
        try:
            verdict = session.hears(job, event)
            if verdict is _APPLY:
                if not self._outlet.tell(job, event):
                    self._close(Close.SLOW)
            elif verdict is _RESYNC:
                self._do(session.disturbed(job))
        except Exception:  # the outermost loop of what happens to a connection
            log.exception("connection_failed", during="happened")
            self.fail()

    @guarded
    def placed(self, job: str, place: Place | None) -> None:
        """As `Watcher`."""
        if self._session is None:
            return
        if self._outlet.crowded:
            self._session.put_off(job, self._hub.now())
            self._put_off = {job, *(self._put_off or ())}
            return
        self._do(self._session.placed(job, place))
        self._read_put_off()

    @guarded
    def disturbed(self, job: str) -> None:
        """As `Watcher`."""
        if self._session is not None:
            self._do(self._session.disturbed(job))

    @guarded
    def caught_up(self, chapter: Chapter) -> None:
        """As `FeedWatcher`."""
        if self._session is None:
            return
        if self._outlet.crowded:
            self._session.put_off(FEED, self._hub.now())
            self._put_off = {FEED, *(self._put_off or ())}
            return
        self._do(self._session.caught_up(chapter))

    def feed_disturbed(self) -> None:
        """As `FeedWatcher`."""
        self.disturbed(FEED)

    @guarded
    def drain(self, notice: bytes, *, leave_by: float) -> None:
        """As `Guest`."""
        if self._session is not None:
            self._do(self._session.drain(notice, leave_by=leave_by))
            self._sleep()

    @guarded
    def revoked(self, keys: Collection[str]) -> None:
        """As `Guest`."""
        if self._session is not None:
            self._do(self._session.revoked(keys))

    @guarded
    def wake(self, now: float) -> None:
        """As `Sleeper`."""
        self._wakes_at = NEVER
        if now >= self._cut_at:
            self._transport.abort()
            return
        if self._session is not None:
            if now >= self._outlet.slow_since + self._hub.bounds.slow_for:
                self._close(Close.SLOW)
            else:
                self._do(self._session.tick(now))
        self._sleep()

    def fail(self) -> None:
        """As `Failing`."""
        if self._session is None:
            self._transport.abort()
        self._close(Close.INTERNAL)

    @guarded
    def arrive(self, head: bytes) -> None:
        """As `Newcoming`."""
        if self._ended or self._transport.is_closing():
            return
        hub = self._hub
        newcomer = hub.door.newcomer(self._transport.get_extra_info("peername"), hub.now())
        answer = handshake.answer(head, origins=hub.origins, knock=newcomer.knock)
        self._transport.write(answer.wire)
        if answer.is_open:
            self._session = hub.enter(self, newcomer)
            if newcomer.is_too_many:
                self._close(Close.NODE_FULL)
            self._sleep()
        else:
            hub.tally.refused[str(answer.status)] += 1
            self._end()

    # --- the rest is its own

    def _hear(self, heard: Heard) -> None:
        session = self._session
        if isinstance(heard, Bye):
            self._end_with(closing_frame(heard.body), "client")
        elif isinstance(heard, Breach):
            self._end_with(close_frame(heard.code, reason_for(heard.code)), str(int(heard.code)))
        elif session is not None:
            now = self._hub.now()
            session.heard(now)
            if isinstance(heard, Text):
                self._do(session.received(heard.text, now))
                if session.open and self._reader is not None:
                    self._reader.max_size = self._hub.bounds.message
                self._sleep()
            elif isinstance(heard, Binary):
                self._do(session.received_binary(now))
            else:
                self._do(session.controlled(now))
                if isinstance(heard, Ping) and not session.shut:
                    self._outlet.pong(pong_frame(heard.body))

    def _do(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            session = self._session
            if session is None:
                return
            if isinstance(effect, Send):
                if not self._outlet.say(effect.frame):
                    self._close(Close.SLOW)
            elif isinstance(effect, Shut):
                self._close(effect.code, effect.detail)
            else:
                self._hub.arrange(session.tenant, effect, self)

    def _read_put_off(self) -> None:
        if self._put_off and self._session is not None and not self._outlet.crowded:
            self._do(self._session.disturbed(self._put_off.pop()))

    def _close(self, code: Close, detail: str = "") -> None:
        if self._session is None:
            return
        if code is Close.SLOW:
            self._outlet.forget()  # it resumes from its cursors
        self._outlet.finish(close_frame(code, reason_for(code, detail)))
        self._leave(str(int(code)))
        self._cut_later()

    def _end_with(self, farewell: bytes, why: str) -> None:
        if self._session is not None:
            self._outlet.finish(farewell)
            self._leave(why)
        self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._outlet.end()
        self._cut_later()

    def _cut_later(self) -> None:
        # A client that does not read may not keep its socket for ever.
        if self._cut_at == NEVER:
            self._cut_at = self._hub.now() + self._hub.bounds.close_within
            self._sleep()

    def _leave(self, why: str) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        for name in session.follows:
            self._hub.arrange(session.tenant, Unwatch(name), self)
        self._hub.leave(self, session, why)

    def _sleep(self) -> None:
        at = self._cut_at
        if self._session is not None:
            slow_until = self._outlet.slow_since + self._hub.bounds.slow_for
            at = min(at, slow_until, self._session.deadline)
        if at < self._wakes_at:
            self._wakes_at = self._hub.wake(self, at)
