"""A WebSocket client of bare bytes, for what no proper one would send."""

import base64
import json
import os
import socket
import struct
from typing import Self

from tests.notifier_process import token_for

JOB = "0190c1f0-0000-7000-8000-000000000001"
TEXT, BINARY, CLOSE, PING, PONG, CONT = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0


class Wire:
    """A socket that speaks WebSocket badly where a test wants it to."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def shake(self, path: str = "/v1/stream", **headers: str | None) -> tuple[int, str]:
        wanted: dict[str, str | None] = {
            "Host": "notifier",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "waymark.v1",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
        request = "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""])
        self.socket.sendall(request.encode())
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode().lower()

    def send(
        self, opcode: int, body: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0
    ) -> None:
        self.socket.sendall(frame(opcode, body, fin=fin, masked=masked, rsv=rsv))

    def receive(self) -> tuple[int, bytes]:
        first, second = self._take(2)
        assert first & 0x80, "the notifier never fragments"
        assert not first & 0x70, "and uses no extension"
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
        elif size == 127:
            size = int.from_bytes(self._take(8), "big")
        return first & 0xF, self._take(size)

    def close_code(self) -> int:
        """Skip to the close frame, and see the end of the connection after it."""
        while True:
            opcode, body = self.receive()
            if opcode == CLOSE:
                return int.from_bytes(body[:2], "big")

    def ends(self) -> bool:
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass
        return True

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        assert data, "the connection ended too early"
        self._buffer += data


def frame(
    opcode: int, body: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0
) -> bytes:
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mark = 0x80 if masked else 0
    if len(body) < 126:
        head += bytes([mark | len(body)])
    elif len(body) < 65_536:
        head += bytes([mark | 126]) + struct.pack("!H", len(body))
    else:
        head += bytes([mark | 127]) + struct.pack("!Q", len(body))
    if not masked:
        return head + body
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))


def hello() -> bytes:
    return json.dumps({"type": "hello", "version": 1, "token": token_for([JOB])}).encode()
