"""The life of one answer: it tells, says now and then that it is there, and ends."""

import asyncio
import random
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.notifier.closes import Close
from services.notifier.crowd import Seat
from services.notifier.hub import Hub
from services.notifier.sse import wording
from services.notifier.sse.stream import CLIENT, EventStream

_RETRY_MS: Final = (500, 2_000)  # between the two: those of one server do not come back at once


class Tellings(msgspec.Struct, frozen=True):
    """How a stream is kept up; durations in seconds."""

    ping_every: float = 15.0
    placed_within: float = 5.0  # beyond it the store counts as away
    stuck_for: float = 30.0  # `shared/runtime/front.py` has hung up long before


class Visit:
    """A stream's place among the guests; it is left once."""

    def __init__(self, hub: Hub, stream: EventStream, seat: Seat) -> None:
        """Count it in."""
        self._hub, self._stream, self._seat = hub, stream, seat
        self._left = False
        hub.guests.add(stream)
        hub.tally.connections += 1

    def leave(self, why: str) -> None:
        """Count it out; why, if it has not ended by itself."""
        if self._left:
            return
        self._left = True
        self._stream.end(why)
        self._seat.leave()
        self._hub.guests.discard(self._stream)
        self._hub.tally.connections -= 1
        self._hub.tally.closed[self._stream.ended] += 1


class Telling(Response):
    """The answer itself; ASGI."""

    def __init__(
        self,
        visit: Visit,
        stream: EventStream,
        tellings: Tellings,
        *,
        ends_at: float,
        headers: Mapping[str, str],
    ) -> None:
        """`ends_at`: when the client has to come again; the loop's time."""
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._visit, self._stream, self._tellings = visit, stream, tellings
        self._ends_at = ends_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell until somebody has had enough."""
        del scope
        leaving = asyncio.create_task(self._listen(receive), name="events-listener")
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._tell(send)
        except TimeoutError:
            self._stream.end(str(int(Close.SLOW)))
        finally:
            leaving.cancel()
            self._visit.leave(CLIENT)

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.end(CLIENT)

    async def _tell(self, send: Send) -> None:
        stream = self._stream
        body = wording.retry(random.randint(*_RETRY_MS))  # noqa: S311 - no secret
        while True:
            stream.something.clear()
            body += stream.take()
            if body:
                await self._send(send, body, more=True)
                body = b""
                continue
            if stream.ended:
                await self._send(send, wording.END, more=False)
                return
            left = self._ends_at - asyncio.get_running_loop().time()
            if left <= 0:
                stream.end(str(int(Close.MAX_AGE)))
                continue
            try:
                async with asyncio.timeout(min(left, self._tellings.ping_every)):
                    await stream.something.wait()
            except TimeoutError:
                body = wording.PING

    async def _send(self, send: Send, body: bytes, *, more: bool) -> None:
        async with asyncio.timeout(self._tellings.stuck_for):
            await send({"type": "http.response.body", "body": body, "more_body": more})
