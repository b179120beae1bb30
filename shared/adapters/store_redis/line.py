"""One connection to Redis, shared by all tasks of an event loop: what they ask goes out together.

Many tasks write into one stream and Redis answers in order, so no task waits for another's
round trip and none needs a connection of its own (measured: docs/decisions/0004).
"""

import asyncio
from collections import deque
from typing import Any, Final, cast

import hiredis
from redis import exceptions
from redis.asyncio.connection import parse_url

MOST_WAITING: Final = 20_000


class Line:
    """Connects when first asked, and again whenever it has to; for one event loop."""

    def __init__(self, redis_url: str) -> None:
        """Remember where Redis is."""
        self._target = parse_url(redis_url)
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, *commands: tuple[Any, ...] | bytes, within: float) -> Any:  # noqa: ANN401
        """Send the commands at once and return the reply to the last one.

        A command is its name and arguments, or these packed.

        Raises:
            TimeoutError: not within so many seconds; then the caller calls `doubt`.
            redis.exceptions.ConnectionError: the connection broke.
            redis.exceptions.ResponseError: Redis refused the last command.
        """
        wire = self._wire
        if wire is None or wire.is_lost:
            async with asyncio.timeout(within):
                wire = await self._connect()
        reply = wire.send(commands)
        # a timer of the loop's own: `asyncio.timeout` costs as much as all the rest of this
        ending = asyncio.get_running_loop().call_later(within, _end, reply)
        try:
            return _checked(await reply)
        except exceptions.ReadOnlyError:
            wire.abort()  # the address may lead to another primary now
            raise
        finally:
            ending.cancel()

    def doubt(self, silence: float) -> None:
        """Give the connection up if it has said nothing for `silence` seconds.

        One that is merely busy goes on: to begin again would cost everybody his place.
        """
        if self._wire and self._wire.silent_for >= silence:
            self.close()

    def close(self) -> None:
        """Close the connection; whoever waits is told that it broke."""
        if self._wire:
            self._wire.abort()
            self._wire = None

    async def _connect(self) -> "_Wire":
        async with self._connecting:
            if self._wire is None or self._wire.is_lost:
                self._wire = await self._dial()
            return self._wire

    async def _dial(self) -> "_Wire":
        target, loop = self._target, asyncio.get_running_loop()
        if "path" in target:
            _, wire = await loop.create_unix_connection(_Wire, target["path"])
        else:
            host, port = target.get("host", "127.0.0.1"), target.get("port", 6379)
            encrypted = True if "connection_class" in target else None
            _, wire = await loop.create_connection(_Wire, host, port, ssl=encrypted)
        try:
            if target.get("password"):
                user = (target["username"],) if target.get("username") else ()
                _checked(await wire.send([("AUTH", *user, target["password"])]))
            if target.get("db"):
                _checked(await wire.send([("SELECT", target["db"])]))
        except BaseException:
            wire.abort()
            raise
        return wire


class _Wire(asyncio.Protocol):
    """The connection itself: bytes out in batches, replies in to whoever waits, in order."""

    def __init__(self) -> None:
        self.is_lost = False
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any] | None] = deque()  # None: nobody wants it
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._heard_at = self._loop.time()

    @property
    def silent_for(self) -> float:
        """Seconds since the last word."""
        return self._loop.time() - self._heard_at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                waits = self._waiting.popleft()
                if waits and not waits.done():
                    waits.set_result(reply)
        except hiredis.ProtocolError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        while self._waiting:
            waits = self._waiting.popleft()
            if waits and not waits.done():
                waits.set_exception(exceptions.ConnectionError(str(exc or "it hung up")))

    def send(self, commands: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - tuples of arguments
        """Queue the commands; the future gets the reply to the last."""
        if self.is_lost or len(self._waiting) >= MOST_WAITING:
            raise exceptions.ConnectionError("too many wait for it")
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing += [
            command if isinstance(command, bytes) else hiredis.pack_command(command)
            for command in commands
        ]
        last: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.extend([None] * (len(commands) - 1))
        self._waiting.append(last)
        return last

    def abort(self) -> None:
        """Give the connection up at once."""
        self.is_lost = True
        if self._transport:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()


def _end(reply: asyncio.Future[Any]) -> None:
    if not reply.done():
        reply.set_exception(TimeoutError())


_CLASSES: Final = {
    "LOADING": exceptions.BusyLoadingError,
    "NOSCRIPT": exceptions.NoScriptError,
    "READONLY": exceptions.ReadOnlyError,
    "OOM": exceptions.OutOfMemoryError,
}


def _checked(reply: Any) -> Any:  # noqa: ANN401 - replies have no type
    if isinstance(reply, hiredis.ReplyError):
        said = str(reply)
        raise _CLASSES.get(said.partition(" ")[0], exceptions.ResponseError)(said)
    return reply
