"""When an interruption is raised, held back or dropped."""

import inspect

import pytest

from services.worker.authoring.errors import Cancelled, SoftTimeLimit
from services.worker.slots.interrupts import Guard


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


def test_after_the_handler_s_return_it_is_dropped() -> None:
    arrivals = Arrivals()
    guard = Guard(arrivals)
    guard.open()
    guard.shut()
    arrivals.waiting = ["soft_limit"]
    signalled(guard)
    guard.poll()

    assert not guard.raised


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
