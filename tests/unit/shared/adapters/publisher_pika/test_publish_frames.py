"""The bytes of a publish are those that pika itself would have sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from shared.adapters.publisher_pika.frames import (
    CONFIRM_BYTES,
    header_table,
    leading_confirms,
    publish_frames,
)

NAMES = st.text("abcdefghijklmnopqrstuvwxyz.0123456789-", max_size=255)


def pika_s(
    exchange: str,
    key: str,
    body: bytes,
    *,
    number: str,
    job: str,
    frame_max: int,
    headers: dict[str, str] | None = None,
) -> bytes:
    properties = spec.BasicProperties(
        delivery_mode=2,
        content_type="application/json",
        message_id=job,
        correlation_id=number,
        headers=headers,
    )
    method = spec.Basic.Publish(exchange=exchange, routing_key=key, mandatory=True)
    most = frame_max - 8
    parts = [body[start : start + most] for start in range(0, len(body), most)]
    frames = [
        frame.Method(3, method),
        frame.Header(3, len(body), properties),
        *(frame.Body(3, part) for part in parts),
    ]
    return b"".join(one.marshal() for one in frames)


@given(NAMES, NAMES, st.binary(max_size=200), st.integers(1, 2**63), NAMES)
def test_they_are_the_same_as_pika_s(
    exchange: str, key: str, body: bytes, number: int, job: str
) -> None:
    ours = publish_frames(3, exchange, key, body, number=number, message_id=job, frame_max=64)

    assert ours == pika_s(exchange, key, body, number=str(number), job=job, frame_max=64)


@given(st.dictionaries(st.sampled_from(["traceparent", "tracestate"]), NAMES, min_size=1))
def test_headers_are_written_as_pika_writes_them(headers: dict[str, str]) -> None:
    ours = publish_frames(
        3, "", "q", b"{}", number=7, message_id="j", frame_max=4096, headers=header_table(headers)
    )

    assert ours == pika_s("", "q", b"{}", number="7", job="j", frame_max=4096, headers=headers)


@pytest.mark.parametrize("size", [0, 1, 4088, 4089, 8176, 300_000])
def test_a_body_is_cut_where_the_connection_wants_it(size: int) -> None:
    body = bytes(size)

    ours = publish_frames(3, "", "q", body, number=1, message_id="j", frame_max=4096)

    assert ours == pika_s("", "q", body, number="1", job="j", frame_max=4096)


def test_a_name_that_is_no_ascii_is_not_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        publish_frames(3, "", "é", b"", number=1, message_id="j", frame_max=4096)


NUMBERS = st.integers(1, 2**63)
OTHERS = st.sampled_from(
    [
        frame.Heartbeat().marshal(),
        frame.Method(4, spec.Basic.Ack(7, multiple=True)).marshal(),
        frame.Method(3, spec.Basic.Return(312, "NO_ROUTE", "", "q")).marshal(),
        frame.Method(3, spec.Basic.Ack(7, multiple=True)).marshal()[:-1],
        b"",
    ]
)


@given(st.lists(st.tuples(NUMBERS, st.booleans(), st.booleans()), max_size=6), OTHERS)
def test_the_confirms_in_front_are_read_as_pika_would(
    confirms: list[tuple[int, bool, bool]], rest: bytes
) -> None:
    heard = b"".join(
        frame.Method(
            3,
            spec.Basic.Ack(number, multiple=multiple) if has else spec.Basic.Nack(number, multiple),
        ).marshal()
        for number, multiple, has in confirms
    )

    assert leading_confirms(3, heard + rest) == confirms
    assert len(heard) == CONFIRM_BYTES * len(confirms)


FRAME_AND_METHOD = [*range(11), 20]  # where the bytes stand that make a confirm of it


@given(NUMBERS, st.sampled_from(FRAME_AND_METHOD), st.integers(1, 255))
def test_what_differs_in_one_byte_is_no_confirm(number: int, at: int, by: int) -> None:
    heard = bytearray(frame.Method(3, spec.Basic.Ack(number)).marshal())
    heard[at] ^= by

    found = leading_confirms(3, bytes(heard))

    assert found == [] or (
        found == [(number, False, False)] and heard[10] == spec.Basic.Nack.INDEX & 0xFF
    )
