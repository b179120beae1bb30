"""When an interruption is raised, held back or dropped."""

import inspect

import pytest

from services.worker.authoring.errors import Cancelled, SoftTimeLimit
from services.worker.authoring.progress import encode
from services.worker.slots.interrupts import Guard
from services.worker.slots.reporting import Reporter
from services.worker.slots.running import Running, started_now
from services.worker.slots.terms import Assignment
from services.worker.slots.wire import Call, Checkpoint, Progress


class Arrivals:
    """Reasons that wait to be fetched."""

    def __init__(self, *reasons: str) -> None:
        self.waiting = list(reasons)

    def __call__(self) -> list[str]:
        told, self.waiting = self.waiting, []
        return told


def signalled(guard: Guard) -> None:
    guard.on_signal(0, inspect.currentframe())


def test_it_is_raised_in_the_handler_s_frames() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    arrivals.waiting = ["soft_limit"]

    with pytest.raises(SoftTimeLimit):
        signalled(guard)


def test_a_signal_without_a_reason_raises_nothing() -> None:
    guard = Guard(Arrivals())
    guard.open()
    signalled(guard)

    assert not guard.raised


def test_one_that_came_before_the_handler_prevents_it() -> None:
    with pytest.raises(Cancelled):
        Guard(Arrivals("cancelled")).open()


def test_within_our_own_code_it_waits_until_that_is_left() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    guard.depth += 1
    arrivals.waiting = ["cancelled"]
    signalled(guard)
    guard.poll()
    guard.depth -= 1

    assert guard.cancelled
    with pytest.raises(Cancelled):
        guard.poll()


def test_a_flag_is_seen_at_once_and_raised_only_where_the_handler_comes_by() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    arrivals.waiting = ["cancel_asked"]
    signalled(guard)

    assert guard.cancelled
    assert guard.heeded is None
    with pytest.raises(Cancelled):
        guard.poll()
    assert guard.heeded == "flag"


def test_a_flag_that_came_before_the_handler_prevents_it() -> None:
    with pytest.raises(Cancelled):
        Guard(Arrivals("cancel_asked")).open()


def test_after_a_flag_was_raised_the_exception_is_not() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    arrivals.waiting = ["cancel_asked"]
    signalled(guard)
    with pytest.raises(Cancelled):
        guard.poll()
    arrivals.waiting = ["cancelled"]
    signalled(guard)
    guard.poll()

    assert guard.heeded == "flag"


def test_after_the_exception_the_flag_raises_nothing_more() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    arrivals.waiting = ["cancel_asked", "cancelled"]
    with pytest.raises(Cancelled):
        signalled(guard)
    guard.poll()

    assert guard.heeded == "exception"


def test_after_the_handler_s_return_it_is_dropped() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    guard.shut()
    arrivals.waiting = ["soft_limit"]
    signalled(guard)
    guard.poll()

    assert not guard.raised


@pytest.mark.parametrize("module", ["attempt", "interrupts"])
def test_around_the_handler_s_frames_nothing_is_raised(module: str) -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    arrivals.waiting = ["soft_limit"]
    around = {"__name__": f"services.worker.slots.{module}", "inspect": inspect}
    frame = eval("inspect.currentframe()", around)
    guard.on_signal(0, frame)

    assert not guard.raised
    with pytest.raises(SoftTimeLimit):
        guard.poll()


def test_progress_is_sent_whole_before_the_interruption_is_raised() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    sent = []

    def send(frame: Progress) -> None:
        arrivals.waiting = ["cancelled"]
        signalled(guard)
        sent.append(frame)

    asked = Assignment(
        job="j",
        type="t",
        attempt=1,
        max_attempts=1,
        payload="{}",
        resume=None,
        soft_time_limit=None,
        time_limit=None,
        sent_at=0.0,
    )
    running = Running(
        asked, guard=guard, put=Reporter(send).put, send=lambda _: None, now=started_now()
    )
    guard.open()
    with pytest.raises(Cancelled):
        running.progress(1, 2)

    assert sent == [Progress(1, encode((1, 2, "")))]
    assert running.cancelled


def a_traced_attempt(guard: Guard, sent: list[Checkpoint | Call], strike: Arrivals) -> Running:
    def send(frame: Checkpoint | Call) -> None:
        strike.waiting = ["soft_limit"]
        signalled(guard)
        sent.append(frame)

    asked = Assignment(
        job="j",
        type="t",
        attempt=1,
        max_attempts=1,
        payload="{}",
        resume=None,
        soft_time_limit=None,
        time_limit=None,
        sent_at=0.0,
        traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        traced=True,
    )
    return Running(asked, guard=guard, put=lambda _: None, send=send, now=started_now())


def test_one_that_comes_while_a_call_is_told_is_raised_behind_it() -> None:
    arrivals, sent = Arrivals(), list[Checkpoint | Call]()
    guard = Guard(arrivals)
    running = a_traced_attempt(guard, sent, arrivals)
    guard.open()

    with pytest.raises(SoftTimeLimit), running.calling("GET"):
        pass

    assert len(sent) == 1


def test_only_the_first_one_is_raised_and_a_cancel_is_still_known() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    arrivals.waiting = ["soft_limit"]
    with pytest.raises(SoftTimeLimit):
        signalled(guard)
    arrivals.waiting = ["cancelled"]
    signalled(guard)

    assert guard.cancelled
