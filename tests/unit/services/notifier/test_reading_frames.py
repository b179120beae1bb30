"""Our reader of frames beside websockets' own, and cut anywhere."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from services.notifier.closes import Close
from services.notifier.reading import Binary, Breach, Bye, Heard, Ping, Pong, Reader, Text
from tests.raw_websocket import frame

MOST = 300
PROTOCOL_ERROR = Breach(Close.PROTOCOL_ERROR)
# A close between two fragments, which RFC 6455, 5.4 allows and websockets refuses.
IN_BETWEEN = b"between two fragments"

OPCODES = st.one_of(st.sampled_from([0, 1, 1, 2, 8, 9, 10]), st.integers(0, 15))
BODIES = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=60).map(str.encode),
    st.sampled_from([b"x" * 125, b"x" * 126, b"x" * MOST, b"x" * (MOST + 1), b"\x03\xe8bye"]),
)
FRAMES = st.builds(
    lambda opcode, body, fin, masked, rsv: frame(opcode, body, fin=fin, masked=masked, rsv=rsv),
    OPCODES,
    BODIES,
    st.sampled_from([True, True, True, False]),
    st.sampled_from([True] * 19 + [False]),
    st.sampled_from([0, 0, 0, 0, 2]),
)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({place % (len(data) + 1) for place in at} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def theirs(data: bytes) -> list[Heard]:
    """What websockets makes of it; its messages are put together and decoded here."""
    protocol = Protocol(Side.SERVER, state=OPEN, max_size=MOST)
    protocol.receive_data(data)
    heard: list[Heard] = []
    kind, parts = Opcode.TEXT, b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode is Opcode.PING:
            heard.append(Ping(bytes(event.data)))
        elif event.opcode is Opcode.PONG:
            heard.append(Pong())
        elif event.opcode is Opcode.CLOSE:
            heard.append(Bye(bytes(event.data)))
        else:
            kind = event.opcode if event.opcode is not Opcode.CONT else kind
            parts += bytes(event.data)
            if kind is Opcode.TEXT and not is_beginning_of_text(parts, whole=event.fin):
                return [*heard, Breach(Close.NOT_UTF8)]
            if event.fin:
                heard.append(Text(parts.decode()) if kind is Opcode.TEXT else Binary())
                parts = b""
    fault = protocol.parser_exc
    if str(fault) == "incomplete fragmented message":
        heard.append(Bye(IN_BETWEEN))
    elif isinstance(fault, PayloadTooBig):
        heard.append(Breach(Close.TOO_BIG))
    elif isinstance(fault, UnicodeDecodeError):
        heard.append(Breach(Close.NOT_UTF8))
    elif isinstance(fault, ProtocolError):
        heard.append(Breach(Close.PROTOCOL_ERROR))
    return heard


def is_beginning_of_text(body: bytes, *, whole: bool) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError as fault:
        return not whole and fault.reason == "unexpected end of data"
    return True


@settings(max_examples=200)
@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 3000), max_size=10))
def test_it_hears_what_websockets_hears_wherever_the_bytes_are_cut(
    frames: list[bytes], at: list[int]
) -> None:
    data = b"".join(frames)
    reader = Reader(MOST)

    heard = [one for part in cut(data, at) for one in reader.feed(part)]

    expected = theirs(data)
    if heard and expected and heard[-1] == PROTOCOL_ERROR and isinstance(expected[-1], Breach):
        expected[-1] = PROTOCOL_ERROR  # what is wrong in two ways may be refused for either
    if heard and expected and expected[-1] == Bye(IN_BETWEEN) and isinstance(heard[-1], Bye):
        expected[-1] = heard[-1]
    assert heard == expected


def test_a_client_may_leave_between_two_fragments() -> None:
    assert Reader(MOST).feed(frame(1, b"on", fin=False) + frame(8, b"\x03\xe8")) == [
        Bye(b"\x03\xe8")
    ]


def test_it_keeps_nothing_of_what_it_has_handed_on() -> None:
    reader = Reader(MOST)
    for _ in range(3):
        reader.feed(frame(1, b"one", fin=False) + frame(0, b"two") + frame(9, b"x"))

    assert (reader._buffer, reader._parts, reader._decoder) == (b"", None, None)
