"""Frames: whatever way the bytes are cut, the same frames come out, or a clear error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.slots.wire import (
    LARGEST_FRAME,
    Checkpoint,
    Ended,
    FromSlot,
    Interrupt,
    Progress,
    Refusal,
    Result,
    WireError,
    encode,
    reader_in_slot,
    reader_of_slot,
    reader_of_zygote,
)

frames = st.lists(
    st.builds(Progress, number=st.integers(1, 10**6), progress=st.text())
    | st.builds(Result, result=st.text(), reusable=st.booleans())
    | st.builds(Checkpoint, data=st.text())
    | st.just(Refusal(reusable=True)),
    max_size=6,
)


@given(sent=frames, cuts=st.lists(st.integers(1, 40), min_size=1))
def test_frames_survive_any_cutting(sent: list[FromSlot], cuts: list[int]) -> None:
    data = b"".join(map(encode, sent))
    reader = reader_of_slot()
    received: list[FromSlot] = []
    position = number = 0
    while position < len(data):
        size = cuts[number % len(cuts)]
        received += reader.feed(data[position : position + size])
        position, number = position + size, number + 1

    assert received == sent


def test_the_head_is_four_bytes_big_endian() -> None:
    data = encode(Ended(slot=1, signal=9, exit_code=None, peak_rss=7))

    assert int.from_bytes(data[:4], "big") == len(data) - 4
    assert reader_of_zygote().feed(data) == [Ended(1, 9, None, 7)]


@pytest.mark.parametrize(
    "bytes_",
    [
        b"print to the wrong place\n",
        (LARGEST_FRAME + 1).to_bytes(4, "big"),
        b"\0\0\0\2{]",
        b"\0\0\0\2{}",
        b"\0\0\0\x04\xff\xff\xff\xff",
        encode(Progress(1, "{}")),
    ],
)
def test_what_is_no_frame_of_ours_is_an_error(bytes_: bytes) -> None:
    with pytest.raises(WireError):
        reader_in_slot().feed(bytes_)


def test_a_frame_too_large_is_not_even_sent() -> None:
    with pytest.raises(WireError, match="larger than"):
        encode(Interrupt(1, "x" * (LARGEST_FRAME + 1)))
