"""The line that moves, and what a terminal shows of a step."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from clients.cli.bar import MovingLine, Pace, clock
from clients.cli.display import LiveDisplay, PlainDisplay, display_on, step_line
from clients.cli.follow import JobView
from clients.cli.render import error_text, outcome, short_count, took

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return AT + timedelta(seconds=self.seconds)


def seen(state: str, *, step: int = 2, attempt: int = 1, **more: Any) -> JobView:
    at = AT.isoformat().replace("+00:00", "Z")
    history: list[Mapping[str, Any]] = [{"step": step, "state": state, "at": at}]
    return JobView("j", epoch="e", step=step, state=state, attempt=attempt, history=history, **more)


def progress(current: int, total: int | None = 40, message: str = "stepping") -> dict[str, Any]:
    percent = None if total is None else 100 * current / total
    return {"current": current, "total": total, "percent": percent, "message": message}


def drawn(line: MovingLine, *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(line)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip("\n")


def line_at(clock: Clock) -> MovingLine:
    return MovingLine(monotonic=clock.monotonic, now=clock.now)


def test_a_running_job_shows_state_bar_percent_count_message_and_times() -> None:
    clock = Clock()
    line = line_at(clock)

    line.show(seen("running", progress=progress(4)))
    clock.seconds = 2.0
    line.show(seen("running", progress=progress(8)))

    text = drawn(line)
    assert "running" in text
    assert "━" in text
    assert "20% 8/40 stepping" in text
    assert "0:02, 0:16 left" in text


def test_a_later_attempt_says_its_number_and_is_timed_anew() -> None:
    clock = Clock()
    line = line_at(clock)
    line.show(seen("running", progress=progress(4)))
    clock.seconds = 5.0
    line.show(seen("running", progress=progress(20)))

    retried = seen("running", step=4, attempt=2, progress=progress(1))
    retried.history[-1] = {**retried.history[-1], "at": clock.now().isoformat()}
    line.show(retried)

    text = drawn(line)
    assert "running, attempt 2" in text
    assert "0:00" in text
    assert "left" not in text


@pytest.mark.parametrize(
    ("state", "words"),
    [("queued", "a worker"), ("scheduled", "its time"), ("retrying", "its next attempt")],
)
def test_a_waiting_job_has_no_bar_and_says_what_it_waits_for(state: str, words: str) -> None:
    line = line_at(Clock())

    line.show(seen(state, progress=progress(20)))

    assert f"waits for {words}" in drawn(line)
    assert "━" not in drawn(line)
    assert "50%" not in drawn(line)


def test_a_job_watched_late_counts_from_when_its_state_began() -> None:
    clock = Clock()
    clock.seconds = 3_725.0
    line = line_at(clock)

    line.show(seen("running", progress=progress(1)))

    assert "1:02:05" in drawn(line)


def test_a_remark_stands_there_until_the_job_is_heard_of_again() -> None:
    line = line_at(Clock())
    line.show(seen("running", progress=progress(1)))

    line.remark("the connection broke; next try in 0.5 s")
    interrupted = drawn(line, width=140)
    line.show(seen("running", progress=progress(2)))

    assert "the connection broke; next try in 0.5 s" in interrupted
    assert "broke" not in drawn(line, width=140)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_it_never_takes_a_second_line_however_long_the_message(width: int) -> None:
    line = line_at(Clock())

    line.show(seen("running", attempt=3, progress=progress(1, message="m\n" * 300)))

    assert "\n" not in drawn(line, width=width)
    assert len(drawn(line, width=width)) <= width


def test_a_long_message_gives_way_to_everything_else() -> None:
    line = line_at(Clock())

    line.show(seen("running", attempt=3, progress=progress(1, message="m" * 300)))

    assert "running, attempt 3" in drawn(line, width=80)
    assert drawn(line, width=80).endswith("… 0:00")


def test_without_a_total_the_count_is_shown_and_no_percent() -> None:
    line = line_at(Clock())

    line.show(seen("running", progress=progress(31_053_850, None, "reading")))

    assert "31.1M reading" in drawn(line)
    assert "%" not in drawn(line)


def test_a_pace_is_not_guessed_from_one_moment() -> None:
    pace = Pace()
    assert pace.seconds_left(10, at=0) is None

    pace.saw(1, at=0)
    pace.saw(2, at=0.5)
    assert pace.seconds_left(10, at=0.5) is None

    pace.saw(3, at=2)
    assert pace.seconds_left(10, at=2) == 7
    assert pace.seconds_left(10, at=5) == 4
    assert pace.seconds_left(10, at=50) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03")]
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(7, "7"), (9_999, "9999"), (12_345, "12.3k"), (31_053_850, "31.1M"), (0.5, "0.5")],
)
def test_large_counts_are_shortened(number: float, text: str) -> None:
    assert short_count(number) == text


def test_a_retry_says_why_on_its_line_and_a_later_attempt_its_number() -> None:
    retrying = seen("retrying", error={"code": "error", "message": "it\x1b[2J broke\nbadly"})
    again = seen("running", attempt=2)

    assert step_line(retrying.history[-1], retrying).plain.endswith("retrying  it\ufffd[2J broke")
    assert step_line(again.history[-1], again).plain.endswith("running, attempt 2")


def test_only_a_terminal_that_can_move_gets_what_moves() -> None:
    clever = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"})
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})

    assert isinstance(display_on(clever), LiveDisplay)
    assert isinstance(display_on(dumb), PlainDisplay)
    assert isinstance(display_on(Console(file=io.StringIO())), PlainDisplay)


def test_the_end_says_how_long_it_took_where_that_is_known() -> None:
    ended = {"created_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:09.94Z"}

    assert took(ended) == " in 9.9 s"
    assert took({}) == ""


def test_a_fail_shows_its_text_alone_and_a_bug_its_traceback() -> None:
    error = {"code": "no_such_file", "message": "There is no x.", "traceback": "Traceback …"}

    assert error_text(error | {"type": "Fail"}).plain == "no_such_file: There is no x."
    assert "Traceback" in error_text(error | {"type": "KeyError"}).plain


def test_a_single_failed_attempt_is_told_once() -> None:
    attempt = {"number": 1, "outcome": "failed", "error": {"message": "There is no x."}}
    error = {"code": "c", "message": "There is no x."}

    parts = outcome({"attempts": [attempt], "error": error})

    assert len(parts) == 2
