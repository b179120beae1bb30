"""RFC 6455 on the real socket: the classes of the Autobahn suite, without its echo.

What that suite has echoed is a request here, whose id comes back: any text of up to 128 signs.
Compression (12, 13) is declined, see `test_notifier_websocket.py`.
"""

import itertools
import json
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.nodes import Redis
from tests.notifier_process import NotifierProcess
from tests.raw_websocket import BINARY, CLOSE, CONT, PING, PONG, TEXT, Wire, frame, hello

MOST = 64 * 1024


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
        it.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        it.shake()
        it.send(TEXT, hello())
        assert json.loads(it.receive()[1])["type"] == "welcome"
        yield it


def request(said: str | int, size: int = 0) -> bytes:
    asked: dict[str, object] = {"type": "unsubscribe", "id": said, "subscriptions": []}
    return json.dumps(asked, ensure_ascii=False).encode().ljust(size)


def answers(wire: Wire) -> str | int:
    opcode, body = wire.receive()
    assert opcode == TEXT
    answer = json.loads(body)
    assert answer["type"] == "ok"
    said: str | int = answer["id"]
    return said


def fails(wire: Wire, code: int) -> bool:
    return wire.close_code() == code and wire.ends()


def chopped(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


# --- 1: framing, 9: limits


@pytest.mark.parametrize("size", [125, 126, 127, 128, 65_535, MOST])
@pytest.mark.parametrize("piece", [MOST + 100, 997])
def test_messages_of_all_lengths_are_read(wire: Wire, size: int, piece: int) -> None:
    for part in chopped(frame(TEXT, request(size, size)), piece):
        wire.socket.sendall(part)

    assert answers(wire) == size


def test_a_length_may_take_more_bytes_than_it_needs(wire: Wire) -> None:
    body = request(1)
    wire.socket.sendall(b"\x81\xff" + len(body).to_bytes(8, "big") + bytes(4) + body)

    assert answers(wire) == 1


def test_an_empty_message_is_no_request_but_no_breach_either(wire: Wire) -> None:
    wire.send(TEXT)
    wire.send(BINARY)
    wire.send(TEXT, request(1))

    codes = [json.loads(wire.receive()[1])["code"] for _ in range(2)]
    assert codes == ["bad-message", "bad-message"]
    assert answers(wire) == 1


@pytest.mark.parametrize(
    "head",
    [
        frame(TEXT, b" " * (MOST + 1))[:20],
        b"\x81\xff" + (2**40).to_bytes(8, "big"),
        b"\x82\xff" + (2**62).to_bytes(8, "big"),
    ],
    ids=["64-kib", "text", "binary"],
)
def test_what_is_too_big_is_refused_by_its_head(wire: Wire, head: bytes) -> None:
    wire.socket.sendall(head)

    assert fails(wire, 1009)


def test_a_length_of_64_bits_is_not_negative(wire: Wire) -> None:
    wire.socket.sendall(b"\x81\xff" + (2**63).to_bytes(8, "big"))

    assert fails(wire, 1002)


@pytest.mark.parametrize("piece", [64, 1024, 40_000])
def test_a_message_in_many_pieces_may_be_as_long_as_a_whole_one(wire: Wire, piece: int) -> None:
    pieces = list(chopped(request(piece, MOST), piece))
    for number, part in enumerate(pieces):
        wire.send(CONT if number else TEXT, part, fin=number == len(pieces) - 1)

    assert answers(wire) == piece


def test_pieces_that_are_too_big_together_are_refused(wire: Wire) -> None:
    wire.send(TEXT, b" " * 40_000, fin=False)
    wire.send(PING)
    wire.send(CONT, b" " * 40_000, fin=False)

    assert wire.receive() == (PONG, b"")
    assert fails(wire, 1009)


def test_a_frame_that_is_not_masked_is_refused(wire: Wire) -> None:
    wire.send(TEXT, request(1), masked=False)

    assert fails(wire, 1002)


# --- 2: pings and pongs


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(125)), b"\xff\x00" * 62])
def test_a_ping_is_answered_with_its_own_body(wire: Wire, body: bytes) -> None:
    wire.send(PING, body)

    assert wire.receive() == (PONG, body)


def test_a_ping_that_comes_byte_by_byte_is_answered(wire: Wire) -> None:
    for byte in chopped(frame(PING, b"slowly" * 20), 1):
        wire.socket.sendall(byte)

    assert wire.receive() == (PONG, b"slowly" * 20)


def test_ten_pings_are_answered_in_their_order(wire: Wire) -> None:
    wire.socket.sendall(b"".join(frame(PING, bytes([number])) for number in range(10)))

    assert [wire.receive() for _ in range(10)] == [(PONG, bytes([number])) for number in range(10)]


def test_a_pong_that_nobody_asked_for_is_not_answered(wire: Wire) -> None:
    wire.send(PONG, b"here")
    wire.send(PING, b"there?")

    assert wire.receive() == (PONG, b"there?")


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_that_is_too_long_is_refused(wire: Wire, opcode: int) -> None:
    wire.send(opcode, b"\x03\xe8" + b"x" * 124)

    assert fails(wire, 1002)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_in_pieces_is_refused(wire: Wire, opcode: int) -> None:
    wire.send(opcode, b"\x03\xe8", fin=False)

    assert fails(wire, 1002)


# --- 3 and 4: reserved bits and opcodes


@pytest.mark.parametrize("bits", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_reserved_bits_are_refused_and_what_came_before_is_answered(
    wire: Wire, bits: int, opcode: int
) -> None:
    wire.socket.sendall(frame(TEXT, request(1)) + frame(opcode, b"\x03\xe8", rsv=bits))

    assert answers(wire) == 1
    assert fails(wire, 1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("body", [b"", b"x"])
def test_unknown_opcodes_are_refused_and_what_came_before_is_answered(
    wire: Wire, opcode: int, body: bytes
) -> None:
    wire.send(TEXT, request(1))
    wire.send(opcode, body)
    wire.send(PING)

    assert answers(wire) == 1
    assert fails(wire, 1002)


# --- 5: fragmentation


def test_control_frames_come_between_the_pieces_of_a_message(wire: Wire) -> None:
    one, two, three = chopped(request("in three"), 24)
    sent = [
        frame(TEXT, one, fin=False), frame(PING, b"1"), frame(CONT, two, fin=False),
        frame(PONG, b"?"), frame(PING, b"2"), frame(CONT, three),
    ]  # fmt: skip
    for byte in chopped(b"".join(sent), 1):
        wire.socket.sendall(byte)

    assert wire.receive() == (PONG, b"1")
    assert wire.receive() == (PONG, b"2")
    assert answers(wire) == "in three"


def test_pieces_may_be_empty(wire: Wire) -> None:
    wire.send(TEXT, b"", fin=False)
    wire.send(CONT, b"", fin=False)
    wire.send(CONT, request(5), fin=False)
    wire.send(CONT, b"")

    assert answers(wire) == 5


def test_binary_pieces_are_one_message_of_no_text(wire: Wire) -> None:
    wire.send(BINARY, b"\xff", fin=False)
    wire.send(CONT, b"\xfe")
    wire.send(TEXT, request(5))

    assert json.loads(wire.receive()[1])["code"] == "bad-message"
    assert answers(wire) == 5


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("before", [(), (True,)])
def test_a_continuation_of_nothing_is_refused(
    wire: Wire, fin: bool, before: Sequence[bool]
) -> None:
    for _ in before:
        wire.send(TEXT, request(1))
    wire.send(CONT, request(2), fin=fin)

    assert [answers(wire) for _ in before] == [1 for _ in before]
    assert fails(wire, 1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_within_a_message_is_refused(wire: Wire, opcode: int) -> None:
    wire.send(TEXT, b"{", fin=False)
    wire.send(opcode, b"}")

    assert fails(wire, 1002)


# --- 6: UTF-8

TEXTS = [
    "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff",
    "\ue000", "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0010fffe", "\U0010ffff",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_read_whole_and_cut_at_each_byte(wire: Wire, text: str) -> None:
    body = request(text)
    wire.send(TEXT, body)
    for number, byte in enumerate(chopped(body, 1)):
        wire.send(CONT if number else TEXT, byte, fin=number == len(body) - 1)

    assert [answers(wire), answers(wire)] == [text, text]


NO_TEXTS = [
    b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0 ", b"\xdf ", b"\xe0 ", b"\xef ", b"\xf0 ", b"\xf7 ",
    b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfe", b"\xff",
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xc1\xbf",
    b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xad\xbf",
    b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xce\xba\xe1\xbd",
]  # fmt: skip


@pytest.mark.parametrize("body", NO_TEXTS)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_what_is_no_text_is_refused(wire: Wire, body: bytes, in_pieces: bool) -> None:
    if in_pieces:
        wire.send(TEXT, body[:1], fin=False)
        wire.send(CONT, body[1:])
    else:
        wire.send(TEXT, body)

    assert fails(wire, 1007)


def test_what_can_be_no_text_is_refused_before_its_last_piece(wire: Wire) -> None:
    wire.send(TEXT, "κόσμε".encode(), fin=False)
    wire.send(CONT, b"\xf4\x90", fin=False)

    assert fails(wire, 1007)


# --- 7: close


@pytest.mark.parametrize(
    "body",
    [b"", *(code.to_bytes(2, "big") for code in
      (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4321, 4999)),
     b"\x03\xe8" + b"x" * 123, b"\x03\xe8" + "κόσμε".encode()],
)  # fmt: skip
def test_a_close_is_answered_in_kind_and_the_connection_ends(wire: Wire, body: bytes) -> None:
    wire.send(CLOSE, body)

    assert wire.receive() == (CLOSE, body)
    assert wire.ends()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000])
def test_a_close_code_that_means_nothing_is_refused(wire: Wire, code: int) -> None:
    wire.send(CLOSE, code.to_bytes(2, "big"))

    assert fails(wire, 1002)


def test_half_a_close_code_is_refused(wire: Wire) -> None:
    wire.send(CLOSE, b"\x03")

    assert fails(wire, 1002)


def test_a_reason_that_is_no_text_is_refused(wire: Wire) -> None:
    wire.send(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80")

    assert fails(wire, 1007)


@pytest.mark.parametrize(
    "late",
    [frame(PING, b"x"), frame(TEXT, request(9)), os.urandom(300)],
    ids=["ping", "request", "noise"],
)
def test_nothing_after_a_close_is_answered(wire: Wire, late: bytes) -> None:
    wire.socket.sendall(frame(CLOSE, b"\x03\xe8") + late)

    assert wire.receive() == (CLOSE, b"\x03\xe8")
    assert wire.ends()


def test_a_message_whose_rest_never_comes_is_forgotten_at_the_close(wire: Wire) -> None:
    wire.send(TEXT, b'{"type":', fin=False)
    wire.send(CLOSE)

    assert wire.receive() == (CLOSE, b"")
    assert wire.ends()


@pytest.mark.parametrize("seed", range(10))
def test_noise_ends_the_connection_and_nothing_else(
    wire: Wire, notifier: NotifierProcess, seed: int
) -> None:
    noise = bytes(((seed + 1) * number * 2_654_435_761 >> 7) & 0xFF for number in range(5000))
    wire.socket.sendall(bytes([0x70 | seed]) + noise)

    assert wire.close_code() in {1002, 1007, 1009}
    with Wire(notifier.port) as other:
        assert other.shake()[0] == 101


def test_every_pair_of_breaches_is_answered_once(notifier: NotifierProcess) -> None:
    breaches = [frame(3), frame(TEXT, b"\xff"), frame(PING, fin=False)]
    for one, two in itertools.product(breaches, repeat=2):
        with Wire(notifier.port) as wire:
            wire.shake()
            wire.socket.sendall(one + two)

            assert wire.close_code() == (1007 if one == breaches[1] else 1002)
            assert wire.socket.recv(100) == b""
