"""One connection to Redis that is only listened to: hiredis over a bare asyncio protocol."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast

import hiredis
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url

CONNECT_SECONDS: Final = 3.0


class RefusedError(Exception):
    """Redis answered with an error (a wrong password, still loading) or with what is no answer."""


class PushWire(asyncio.Protocol):
    """Writes commands, hands every push to `on_push`; `lost` ends with the connection."""

    def __init__(self, on_push: Callable[[list[bytes]], None]) -> None:
        """Must be made on a running loop."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard = asyncio.Event()  # set by what arrives and by the end; who waits clears it
        self._on_push = on_push
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read what came; an error reply ends the connection."""
        self.heard.set()
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, list):
                self._on_push(reply)
            elif isinstance(reply, hiredis.ReplyError):
                self._end(RefusedError(str(reply)))

    def connection_lost(self, exc: Exception | None) -> None:
        """End `lost` with the reason."""
        if exc is not None and not isinstance(exc, OSError):
            exc = RefusedError(f"{type(exc).__name__}: {exc}")
        self._end(exc or ConnectionResetError("Redis closed the connection"))

    def send(self, *words: str) -> None:
        """Write one command; nothing is awaited."""
        if self._transport is not None:
            self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows one word

    def abort(self) -> None:
        """Cut the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _end(self, why: Exception) -> None:
        if not self.lost.done():
            self.lost.set_exception(why)
            self.lost.exception()  # may be read by nobody: not worth a warning
        self.heard.set()
        self.abort()


async def connect(redis_url: str, on_push: Callable[[list[bytes]], None]) -> PushWire:
    """Connect, log in and hear a first answer.

    Raises:
        OSError: it cannot be reached.
        TimeoutError: no answer within 3 s.
        RefusedError: Redis answered with an error.
    """
    where = parse_url(redis_url)
    loop = asyncio.get_running_loop()
    kind = where.get("connection_class")
    async with asyncio.timeout(CONNECT_SECONDS):
        if kind is UnixDomainSocketConnection:
            _, wire = await loop.create_unix_connection(lambda: PushWire(on_push), where["path"])
        else:
            _, wire = await loop.create_connection(
                lambda: PushWire(on_push),
                where.get("host", "127.0.0.1"),
                where.get("port", 6379),
                ssl=ssl.create_default_context() if kind is SSLConnection else None,
            )
        try:
            if "password" in where:
                wire.send("AUTH", where.get("username") or "default", where["password"])
            wire.send("PING")
            await wire.heard.wait()
            if wire.lost.done():
                wire.lost.result()
        except BaseException:
            wire.abort()
            raise
    return wire
