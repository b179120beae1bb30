"""`current()`, `track()` and progress: outside a slot, and as values."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker import Current, current, track
from services.worker.authoring.context import occupy_thread
from services.worker.authoring.progress import LONGEST_MESSAGE, Number, checked, encode, percent


class Recording(Current):
    def __init__(self) -> None:
        self.told: list[tuple[Number, Number | None, str]] = []

    def progress(self, current: Number, total: Number | None = None, message: str = "") -> None:
        self.told.append((current, total, message))


@pytest.fixture
def recording() -> Iterator[Recording]:
    attempt = Recording()
    occupy_thread(attempt)
    yield attempt
    occupy_thread(None)


class Tape:
    """Three pieces of unlike size."""

    size = 60

    def __init__(self) -> None:
        self.position = 0

    def __iter__(self) -> Iterator[str]:
        for length in (10, 20, 30):
            self.position += length
            yield "x" * length


def test_in_a_plain_call_everything_is_harmless() -> None:
    here = current()
    here.progress(1, 2, "x")
    here.checkpoint({"row": 1})

    assert list(track([1, 2], "counting")) == [1, 2]
    assert (here.attempt, here.cancelled, here.resume, here.deadline) == (1, False, None, None)


def test_track_counts_each_item_after_its_turn(recording: Recording) -> None:
    for item in track(["a", "b"], "counting"):
        assert recording.told[-1][0] == "ab".index(item)

    assert recording.told == [(0, 2, "counting"), (1, 2, "counting"), (2, 2, "counting")]


def test_track_of_a_generator_knows_no_total(recording: Recording) -> None:
    list(track(letter for letter in "ab"))

    assert [total for _, total, _ in recording.told] == [None, None, None]


def test_track_takes_the_total_it_is_given(recording: Recording) -> None:
    list(track((letter for letter in "ab"), total=2))

    assert recording.told[-1] == (2, 2, "")


def test_track_follows_a_position(recording: Recording) -> None:
    list(track(Tape(), "reading"))

    assert recording.told == [(n, 60, "reading") for n in (0, 10, 30, 60)]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1, 2**53 + 1])
def test_numbers_that_count_nothing_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="progress takes"):
        checked(wrong, None, "")
    with pytest.raises(ValueError, match="progress takes"):
        checked(1, wrong, "")


@pytest.mark.parametrize("wrong", ["1", None, True])
def test_what_is_no_number_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="progress takes numbers"):
        checked(wrong, None, "")  # type: ignore[arg-type]


def test_a_message_must_be_a_text() -> None:
    with pytest.raises(TypeError, match="is a text"):
        checked(1, 2, b"x")  # type: ignore[arg-type]


def test_a_long_message_is_cut() -> None:
    told = json.loads(encode((1, 2, "x" * 10_000)))

    assert len(told["message"]) == LONGEST_MESSAGE


def test_percent_is_floored_so_that_all_means_all() -> None:
    assert [percent(999_999, 1_000_000), percent(1, 3), percent(5, None), percent(0, 0)] == [
        99.9,
        33.3,
        None,
        100.0,
    ]


@given(
    current=st.floats(0, 2**53) | st.integers(0, 2**53),
    total=st.none() | st.floats(0, 2**53) | st.integers(0, 2**53),
    message=st.text(max_size=600),
)
def test_progress_is_always_json_with_a_percent_between_0_and_100(
    current: Number, total: Number | None, message: str
) -> None:
    told = json.loads(encode(checked(current, total, message)))

    assert set(told) == {"current", "total", "percent", "message"}
    assert told["percent"] is None or 0 <= told["percent"] <= 100
