"""What is begun next, when more of the urgent is still on its way."""

from dataclasses import dataclass
from queue import PriorityQueue

from services.worker.intake.urgency import ARRIVAL_SECONDS, let_equals_arrive
from tests.fakes.hands import HandClock

HIGH, NORMAL, LOW = 0, 1, 2


@dataclass(frozen=True, order=True)
class Item:
    priority: int


def waited(*waiting: int, ended: int, arrives: int | None = None, running: bool = True) -> float:
    """Return for how long a slot that ended one of `ended` held back; `arrives` after 5 ms."""
    clock = HandClock()
    queue: PriorityQueue[Item] = PriorityQueue()
    for priority in waiting:
        queue.put(Item(priority))
    began = clock.now

    def pause(seconds: float) -> None:
        clock.now += seconds
        if arrives is not None and clock.now - began >= 0.005:
            queue.put(Item(arrives))

    let_equals_arrive(queue, ended, goes_on=lambda: running, monotonic=clock.monotonic, pause=pause)
    return clock.now - began


def test_a_lower_one_waits_until_the_next_of_its_class_has_come() -> None:
    assert 0.005 <= waited(NORMAL, LOW, ended=HIGH, arrives=HIGH) < ARRIVAL_SECONDS


def test_a_lower_one_does_not_wait_for_long() -> None:
    assert waited(LOW, ended=NORMAL) < ARRIVAL_SECONDS + 0.01


def test_nothing_waits_for_an_equal_or_a_more_urgent_one() -> None:
    assert waited(NORMAL, LOW, ended=NORMAL) == 0
    assert waited(HIGH, LOW, ended=NORMAL) == 0


def test_with_nothing_to_begin_there_is_nothing_to_hold_back() -> None:
    assert waited(ended=HIGH) == 0


def test_a_worker_that_stops_holds_nothing_back() -> None:
    assert waited(LOW, ended=HIGH, running=False) == 0
