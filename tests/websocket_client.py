"""A light WebSocket client over a bare asyncio protocol, written from RFC 6455 alone.

For crowds: it costs a few µs a message, can stop reading like a sleeping laptop, and can die
without a word. It knows nothing of what is said over it.
"""

import asyncio
import base64
import os
import socket
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

LOST = 1006  # RFC 6455, 7.1.5: the connection went without a close frame
_CONNECT_SECONDS = 3.0
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class WebSocket(asyncio.Protocol):
    """One connection; `on_text` gets each message, `ended` the close code or an HTTP status."""

    def __init__(self, host: str, path: str, on_text: Callable[[bytes], None]) -> None:
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reason = ""
        self._host, self._path, self._on_text = host, path, on_text
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._upgraded = False
        self._code = LOST

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: waymark.v1\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded and not self._upgrade():
            return
        start, have = 0, len(self._buffer)
        buffer = self._buffer
        while have - start >= 2:
            size, head = buffer[start + 1] & 127, 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                head = 2 + wide
                size = int.from_bytes(buffer[start + 2 : start + head], "big")
            if have - start < head + size:
                break
            self._take(buffer[start], bytes(buffer[start + head : start + head + size]))
            start += head + size
        del buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_open.done():
            self.is_open.cancel()
        if not self.ended.done():
            self.ended.set_result(self._code)

    def say(self, text: bytes) -> None:
        """Send one text message."""
        self._send(0x80 | _TEXT, text)

    def close(self, code: int = 1000) -> None:
        """Say goodbye; the other side closes the connection."""
        self._send(0x80 | _CLOSE, code.to_bytes(2, "big"))

    def vanish(self) -> None:
        """Reset the connection, as one does whose network is gone."""
        self._transport.abort()

    def stall(self) -> None:
        """Read nothing more until `go_on`."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = int(self._buffer.split(b" ", 2)[1])
        del self._buffer[: end + 4]
        if status != 101:
            self._code = status
            self._transport.abort()
            return False
        self._upgraded = True
        self.is_open.set_result(None)
        return True

    def _take(self, first: int, payload: bytes) -> None:
        opcode = first & 15
        if opcode == _TEXT:
            assert first & 0x80, "a fragmented message"
            self._on_text(payload)
        elif opcode == _PING:
            self._send(0x80 | _PONG, payload)
        elif opcode == _CLOSE:
            self._code = int.from_bytes(payload[:2], "big") if payload else 1005
            self.reason = payload[2:].decode()
            self._send(0x80 | _CLOSE, payload[:2])
            self._transport.close()

    def _send(self, first: int, payload: bytes) -> None:
        if self._transport.is_closing():
            return  # `ended` says so
        size = len(payload)
        if size < 126:
            head = bytes((first, 0x80 | size))
        elif size < 1 << 16:
            head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
        self._transport.write(head + b"\0\0\0\0" + payload)  # masked with zeros: legal, and free


async def open_websocket(
    url: str, on_text: Callable[[bytes], None], *, receive_buffer: int | None = None
) -> WebSocket:
    """Connect and shake hands; `receive_buffer` (bytes) makes a client that is soon full.

    Raises:
        OSError: it cannot be reached, or hung up in the handshake.
        TimeoutError: not within 3 s.
    """
    where = urlsplit(url)
    host, port = where.hostname or "127.0.0.1", where.port or 80
    plug = socket.socket()
    plug.setblocking(False)
    if receive_buffer is not None:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    loop = asyncio.get_running_loop()
    opened: WebSocket | None = None
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await loop.sock_connect(plug, (host, port))
            _, opened = await loop.create_connection(
                lambda: WebSocket(f"{host}:{port}", where.path, on_text), sock=plug
            )
            await asyncio.wait({opened.is_open})
    except BaseException:
        plug.close() if opened is None else opened.vanish()
        raise
    if opened.is_open.cancelled():
        status = await opened.ended
        raise ConnectionRefusedError(f"the handshake was answered with {status}")
    return opened
