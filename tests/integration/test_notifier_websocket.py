"""RFC 6455 and the handshake, byte by byte, against a real notifier."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes import Redis
from tests.notifier_process import NotifierProcess
from tests.raw_websocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, Wire, frame, hello


@pytest.fixture(scope="module")
def notifier(
    redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NotifierProcess]:
    log: Path = tmp_path_factory.mktemp("notifier") / "log"
    it = NotifierProcess(redis_node.url, log)
    it.start()
    yield it
    assert it.stop() == 0


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


def test_a_client_that_does_not_answer_a_close_is_cut_off(wire: Wire) -> None:
    wire.send(BINARY, b"\x00")

    assert wire.close_code() == 4001
    assert wire.ends()


def test_garbage_after_a_close_is_ignored(welcomed: Wire) -> None:
    welcomed.socket.sendall(frame(CLOSE, b"") + b"\x00" * 100)

    assert welcomed.receive() == (CLOSE, b"")
    assert welcomed.ends()
