"""The wheel wakes never early and hardly late; the frames are what a client's parser expects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from services.notifier.wheel import SLOT_SECONDS, Wheel
from services.notifier.wire import text_frame


@given(st.floats(0, 1000), st.lists(st.floats(-5, 50), max_size=20), st.lists(st.floats(0, 3)))
def test_everybody_is_woken_once_never_early_and_late_by_a_slot_at_most(
    start: float, waits: list[float], turns: list[float]
) -> None:
    wheel: Wheel[int] = Wheel(start)
    for sleeper, wait in enumerate(waits):
        assert wheel.add(sleeper, start + wait) >= start + wait
    now, woken = start, []
    for turn in [*turns, *[SLOT_SECONDS] * 120]:
        before, now = now, now + turn
        for sleeper in wheel.due(now):
            woken.append(sleeper)
            assert start + waits[sleeper] <= now
            assert before <= max(start, start + waits[sleeper]) + SLOT_SECONDS

    assert sorted(woken) == list(range(len(waits)))


def test_who_is_added_twice_to_a_slot_is_woken_once() -> None:
    wheel: Wheel[str] = Wheel(0.0)
    wheel.add("one", 1.0)
    wheel.add("one", 1.1)

    assert wheel.due(2.0) == {"one"}
    assert wheel.due(9.0) == set()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_frame_is_what_the_library_would_have_written(size: int) -> None:
    body = b"x" * size

    assert text_frame(body) == Frame(Opcode.TEXT, body).serialize(mask=False)
