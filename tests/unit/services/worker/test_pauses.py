"""A paused queue: the gate, what waits for a slot, and the watch that hears of it."""

from queue import PriorityQueue

import pytest

from services.worker.intake.gate import STAGGER_SECONDS, Intake
from services.worker.intake.pauses import PauseWatch
from services.worker.intake.taking_out import take_out
from shared.contracts.errors import StoreUnavailable
from tests.fakes.hands import HandClock
from tests.fakes.pauses import FakePauses


def test_a_pause_closes_the_gate_for_its_queue_alone() -> None:
    intake = Intake()
    intake.pause({"bulk"})

    assert not intake.lets_in("bulk", 0)
    assert intake.is_paused("bulk")
    assert intake.lets_in("default", 2)
    assert not intake.is_paused("default")


def test_when_a_queue_goes_on_the_more_urgent_classes_are_let_in_first() -> None:
    clock = HandClock()
    intake = Intake(monotonic=clock.monotonic)
    intake.pause({"bulk"})
    intake.pause(())

    seen = []
    for _ in range(3):
        seen.append([intake.lets_in("bulk", urgency) for urgency in range(3)])
        clock.now += STAGGER_SECONDS

    assert seen == [[True, False, False], [True, True, False], [True, True, True]]
    assert intake.lets_in("default", 2)


def test_looking_again_does_not_begin_the_order_anew() -> None:
    clock = HandClock()
    intake = Intake(monotonic=clock.monotonic)
    intake.pause({"bulk"})
    intake.pause(())
    clock.now += 2 * STAGGER_SECONDS
    intake.pause(())

    assert intake.lets_in("bulk", 2)


@pytest.mark.parametrize("close", [Intake.drain, Intake.store_failed])
def test_a_gate_that_is_closed_for_all_lets_no_queue_in(close: object) -> None:
    intake = Intake()
    assert callable(close)
    close(intake)

    assert not intake.lets_in("default", 0)


async def test_the_watch_obeys_and_lets_go() -> None:
    board, intake = FakePauses("bulk"), Intake()
    watch = PauseWatch(board, intake)
    await watch.look()
    assert intake.is_paused("bulk")

    await board.resume("bulk")
    await watch.look()

    assert not intake.is_paused("bulk")


async def test_what_is_paused_stays_so_while_the_store_is_away() -> None:
    board, intake = FakePauses("bulk"), Intake()
    watch = PauseWatch(board, intake)
    await watch.look()
    board.away = True
    with pytest.raises(StoreUnavailable):
        await watch.look()

    assert intake.is_paused("bulk")


def test_what_is_taken_out_is_done_and_the_rest_keeps_its_order() -> None:
    waiting: PriorityQueue[int] = PriorityQueue()
    for number in (5, 2, 9, 4, 7, 1):
        waiting.put(number)

    assert take_out(waiting, lambda number: number % 2 == 0) == [2, 4]
    assert waiting.unfinished_tasks == 4
    assert [waiting.get_nowait() for _ in range(4)] == [1, 5, 7, 9]


def test_whoever_waits_until_all_is_done_hears_that_the_last_was_taken_out() -> None:
    waiting: PriorityQueue[int] = PriorityQueue()
    waiting.put(1)

    assert take_out(waiting, lambda _: True) == [1]
    waiting.join()
    assert take_out(waiting, lambda _: True) == []
