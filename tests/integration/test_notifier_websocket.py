"""RFC 6455 and the handshake, byte by byte, against a real notifier."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.nodes import Redis
from tests.notifier_process import NotifierProcess, token_for

JOB = "0190c1f0-0000-7000-8000-000000000001"
TEXT, BINARY, CLOSE, PING, PONG, CONT = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0


@pytest.fixture(scope="module")
def notifier(
    redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NotifierProcess]:
    log: Path = tmp_path_factory.mktemp("notifier") / "log"
    it = NotifierProcess(redis_node.url, log)
    it.start()
    yield it
    assert it.stop() == 0


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


@pytest.fixture
def wire(notifier: NotifierProcess) -> Iterator[Wire]:
    with Wire(notifier.port) as it:
        status, _ = it.shake()
        assert status == 101
        yield it


@pytest.fixture
def welcomed(wire: Wire) -> Wire:
    wire.send(TEXT, hello())
    opcode, body = wire.receive()
    assert (opcode, json.loads(body)["type"]) == (TEXT, "welcome")
    return wire


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/stream", {}, 101),
        ("/v1/stream?token=ignored", {}, 101),
        ("/v1/stream", {"Origin": "http://localhost:5173"}, 101),
        ("/v1/stream", {"Origin": "http://127.0.0.1"}, 101),
        ("/v1/stream", {"Origin": "https://evil.example"}, 403),
        ("/v1/stream", {"Origin": "http://localhost.evil.example"}, 403),
        ("/v1/stream", {"Origin": "null"}, 403),
        ("/v1/streams", {}, 404),
        ("/", {}, 404),
        ("/v1/stream", {"Sec_WebSocket_Protocol": "waymark.v9"}, 400),
        ("/v1/stream", {"Sec_WebSocket_Protocol": "waymark.v9, waymark.v1"}, 101),
        ("/v1/stream", {"Sec_WebSocket_Key": None}, 400),
        ("/v1/stream", {"Sec_WebSocket_Key": "short"}, 400),
        ("/v1/stream", {"Sec_WebSocket_Version": "8"}, 400),
    ],
)
def test_the_handshake(
    notifier: NotifierProcess, path: str, headers: dict[str, str | None], status: int
) -> None:
    with Wire(notifier.port) as wire:
        got, head = wire.shake(path, **headers)

        assert got == status
        assert ("sec-websocket-protocol: waymark.v1" in head) == (status == 101)
        if status != 101:
            assert wire.ends()


def test_a_client_that_names_no_subprotocol_is_let_in_without_one(
    notifier: NotifierProcess,
) -> None:
    with Wire(notifier.port) as wire:
        got, head = wire.shake("/v1/stream", Sec_WebSocket_Protocol=None)

        assert got == 101
        assert "sec-websocket-protocol" not in head


def test_compression_is_declined(notifier: NotifierProcess) -> None:
    with Wire(notifier.port) as wire:
        _, head = wire.shake(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")

        assert "sec-websocket-extensions" not in head


def test_a_message_in_pieces_with_a_ping_between_them_is_one_message(wire: Wire) -> None:
    text = hello()
    wire.send(TEXT, text[:10], fin=False)
    wire.send(PING, b"there?")
    wire.send(CONT, text[10:20], fin=False)
    wire.send(CONT, text[20:])

    answers = dict([wire.receive(), wire.receive()])
    assert answers[PONG] == b"there?"
    assert json.loads(answers[TEXT])["type"] == "welcome"


def test_a_frame_that_arrives_byte_by_byte_is_read(wire: Wire) -> None:
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame(TEXT, hello()):
        wire.socket.sendall(bytes([byte]))

    assert json.loads(wire.receive()[1])["type"] == "welcome"


def test_two_messages_in_one_packet_are_both_read(wire: Wire) -> None:
    again = b'{"type":"unsubscribe","id":1,"subscriptions":[]}'
    wire.socket.sendall(frame(TEXT, hello()) + frame(TEXT, again))

    assert json.loads(wire.receive()[1])["type"] == "welcome"
    assert json.loads(wire.receive()[1]) == {"type": "ok", "id": 1}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(TEXT, b"{}", masked=False), 1002),
        (frame(TEXT, b"{}", rsv=4), 1002),
        (frame(0x3, b""), 1002),
        (frame(0xB, b""), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(CONT, b"x"), 1002),
        (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, struct.pack("!H", 1005)), 1002),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"\x28"), 1007),
        (frame(TEXT, b"x" * (64 * 1024 + 1)), 1009),
        (frame(TEXT, b"x" * 40_000, fin=False) + frame(CONT, b"x" * 40_000), 1009),
    ],
)
def test_what_breaks_the_rules_closes_the_connection(welcomed: Wire, bad: bytes, code: int) -> None:
    welcomed.socket.sendall(bad)

    assert welcomed.close_code() == code
    if code in {1002, 1009}:
        assert welcomed.ends()


def test_a_first_message_has_its_bound(wire: Wire) -> None:
    wire.send(TEXT, b"x" * (64 * 1024 + 1))

    assert wire.close_code() == 1009


def test_a_close_is_not_lost_to_a_reset_while_the_client_still_sends(wire: Wire) -> None:
    wire.socket.sendall(frame(TEXT, b"x" * 4_000_000))

    assert wire.close_code() == 1009
    assert wire.socket.recv(4096) == b""


def test_a_message_of_the_whole_size_is_read(welcomed: Wire) -> None:
    welcomed.send(TEXT, b'{"type":"pong"}'.ljust(64 * 1024))
    welcomed.send(PING)

    assert welcomed.receive() == (PONG, b"")


@pytest.mark.parametrize("body", [b"", struct.pack("!H", 1000), struct.pack("!H", 4321) + b"bye"])
def test_a_close_is_answered_in_kind_and_the_connection_ends(welcomed: Wire, body: bytes) -> None:
    welcomed.send(CLOSE, body)

    assert welcomed.receive() == (CLOSE, body)
    assert welcomed.ends()


def test_a_client_that_does_not_answer_a_close_is_cut_off(wire: Wire) -> None:
    wire.send(BINARY, b"\x00")

    assert wire.close_code() == 4001
    assert wire.ends()


def test_garbage_after_a_close_is_ignored(welcomed: Wire) -> None:
    welcomed.socket.sendall(frame(CLOSE, b"") + b"\x00" * 100)

    assert welcomed.receive() == (CLOSE, b"")
    assert welcomed.ends()
