"""Soft limit, cancel and shutdown: raised once, in the handler, and nowhere else."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.worker.slots.client import ZygoteSlots
from services.worker.slots.terms import Raised, Reported, Returned, Slot
from tests.eventually import eventually
from tests.integration.slots_running import assignment, end_of, run, slots_with


@pytest.fixture(scope="module")
def slots() -> Iterator[ZygoteSlots]:
    with slots_with() as started:
        yield started


def asleep(slot: Slot) -> Slot:
    """Give a handler that reports nothing the time to fall asleep."""
    assert slot.next_event(0.15) is None
    return slot


@pytest.mark.parametrize(
    ("reason", "kind", "name"),
    [
        ("soft_limit", "soft_limit", "SoftTimeLimit"),
        ("cancelled", "cancelled", "Cancelled"),
        ("shutdown", "shutdown", "Shutdown"),
    ],
)
def test_an_interruption_is_raised_inside_a_blocking_call(
    slots: ZygoteSlots, reason: str, kind: str, name: str
) -> None:
    slot = asleep(slots.start(assignment("sleep", seconds=30)))
    asked = time.monotonic()
    slot.interrupt(reason)
    raised = end_of(slot)

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.type) == (kind, name)
    assert time.monotonic() - asked < 1.0


def test_an_interruption_is_raised_in_a_loop_of_python(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("spin")))
    slot.interrupt("soft_limit")
    raised = end_of(slot)

    assert isinstance(raised, Raised)
    assert raised.kind == "soft_limit"


def test_except_exception_does_not_swallow_it(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("except_exception", seconds=30)))
    slot.interrupt("cancelled")
    raised = end_of(slot)

    assert isinstance(raised, Raised)
    assert raised.kind == "cancelled"


def test_a_handler_may_tidy_up_and_return(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("tidy", seconds=30)))
    slot.interrupt("soft_limit")

    assert end_of(slot) == Returned('"SoftTimeLimit False"')


def test_a_second_interruption_does_not_disturb_the_tidying_up(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("tidy", seconds=30)))
    slot.interrupt("soft_limit")
    assert slot.next_event(0.1) is None
    slot.interrupt("cancelled")

    assert end_of(slot) == Returned('"SoftTimeLimit True"', heeded="flag")


def test_a_cancel_that_is_only_asked_for_is_raised_where_the_handler_reports(
    slots: ZygoteSlots,
) -> None:
    slot = slots.start(assignment("report_for", seconds=30))
    assert isinstance(slot.next_event(5), Reported)
    slot.interrupt("cancel_asked")
    raised = end_of(slot)

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.heeded) == ("cancelled", "flag")


def test_a_cancel_that_is_only_asked_for_leaves_a_blocking_call_alone(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("sleep", seconds=1)))
    slot.interrupt("cancel_asked")

    assert isinstance(end_of(slot), Returned)


def test_a_handler_that_asks_is_told_and_may_return(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("ask", seconds=30)))
    slot.interrupt("cancel_asked")

    assert end_of(slot) == Returned('"stopped"', heeded="flag")


def test_an_interruption_is_raised_where_a_coroutine_waits(slots: ZygoteSlots) -> None:
    slot = asleep(slots.start(assignment("async_sleep", seconds=30)))
    slot.interrupt("soft_limit")

    assert end_of(slot) == Returned('"tidied"')


@pytest.mark.parametrize("kind", ["async_group", "async_spin"])
def test_an_interruption_comes_out_of_task_groups_and_busy_coroutines(
    slots: ZygoteSlots, kind: str
) -> None:
    asked = assignment(kind, seconds=30) if kind == "async_group" else assignment(kind)
    slot = asleep(slots.start(asked))
    slot.interrupt("cancelled")
    raised = end_of(slot)

    assert isinstance(raised, Raised)
    assert raised.kind == "cancelled"


def test_an_interruption_reaches_a_handler_that_only_reports(slots: ZygoteSlots) -> None:
    slot = slots.start(assignment("report_for", seconds=30))
    assert isinstance(slot.next_event(2.0), Reported)
    slot.interrupt("cancelled")
    raised = end_of(slot)

    assert isinstance(raised, Raised)
    assert raised.kind == "cancelled"


def test_an_interruption_at_any_moment_of_the_return_tears_no_frame(
    slots: ZygoteSlots, tmp_path: Path
) -> None:
    for round_number in range(30):
        folder = tmp_path / str(round_number)
        folder.mkdir()
        slot = slots.start(assignment("large_until", folder=str(folder)))
        eventually((folder / "started").exists)
        (folder / "return").touch()
        until = time.monotonic() + round_number * 0.0005
        while time.monotonic() < until:
            continue
        slot.interrupt("soft_limit")
        end = end_of(slot)

        assert isinstance(end, Returned | Raised)
        if isinstance(end, Returned):
            assert len(end.result) == 200_002
        else:
            assert end.kind == "soft_limit"


def test_an_interruption_that_comes_too_late_does_not_hit_the_next_attempt(
    slots: ZygoteSlots,
) -> None:
    for _ in range(100):
        first = slots.start(assignment("echo", text="first"))
        first.interrupt("cancelled")
        end = end_of(first)
        second = run(slots, "echo", text="second")

        assert isinstance(end, Returned | Raised)
        assert second == Returned('"second"')
