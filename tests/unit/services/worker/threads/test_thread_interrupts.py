"""What is raised in a thread: once, in the handler, and neither in our own code nor in the next."""

import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue

import pytest

from services.worker.authoring.errors import Cancelled, SoftTimeLimit
from services.worker.slots.terms import Raised, Reported, Returned
from services.worker.threads.guard import ThreadGuard
from services.worker.threads.pool import ThreadSlots
from tests.fakes.thread_jobs import begun, cut_off, inside, last_of, thread_slots

ROUNDS = 400
HITS = ROUNDS // 10  # the moments are worth something only if so many fell within the handler
SHORTEST_SWITCH = 1e-5  # seconds: threads take turns far more often than usual


@pytest.fixture
def slots() -> Iterator[ThreadSlots]:
    with thread_slots() as made:
        yield made


@pytest.fixture
def busy_switching() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SHORTEST_SWITCH)
    yield
    sys.setswitchinterval(usual)


def strike_itself(guard: ThreadGuard) -> None:
    guard.interrupt("soft_limit")
    while True:
        pass


def test_a_loop_of_python_is_interrupted(slots: ThreadSlots) -> None:
    slot = slots.start(inside("spin"))
    assert slot.next_event(0.05) is None
    slot.interrupt("soft_limit")
    raised = last_of(slot, within=2)

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.type) == ("soft_limit", "SoftTimeLimit")


def test_a_cancel_that_is_only_asked_for_is_raised_where_the_handler_reports(
    slots: ThreadSlots,
) -> None:
    slot = slots.start(inside("track", count=5_000_000))
    assert isinstance(slot.next_event(2), Reported)
    slot.interrupt("cancel_asked")
    raised = last_of(slot, within=2)

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.heeded) == ("cancelled", "flag")


def test_a_flag_is_forgotten_over_the_exception_that_follows_it(slots: ThreadSlots) -> None:
    slot = slots.start(inside("await", seconds=30))
    assert slot.next_event(0.1) is None
    slot.interrupt("cancel_asked")
    assert slot.next_event(0.2) is None
    slot.interrupt("cancelled")

    assert last_of(slot, within=2) == Returned('"cancelled True"', heeded="exception")


def test_a_call_that_blocks_is_interrupted_when_it_returns(slots: ThreadSlots) -> None:
    asked = time.monotonic()
    slot = slots.start(inside("whoami", seconds=0.5))
    assert slot.next_event(0.1) is None
    slot.interrupt("soft_limit")
    raised = last_of(slot, within=2)

    assert isinstance(raised, Raised)
    assert raised.kind == "soft_limit"
    assert time.monotonic() - asked >= 0.4


def test_a_handler_that_awaits_is_interrupted_at_once(slots: ThreadSlots) -> None:
    slot = slots.start(inside("await", seconds=30))
    assert slot.next_event(0.1) is None
    slot.interrupt("cancelled")

    assert last_of(slot, within=2) == Returned('"cancelled True"', heeded="exception")


def test_one_that_strikes_between_two_steps_of_a_handler_is_raised_in_the_handler(
    slots: ThreadSlots,
) -> None:
    slot = slots.start(inside("block"))
    assert slot.next_event(0.1) is None
    slot.interrupt("soft_limit")

    assert last_of(slot, within=2) == Returned('"told"')


def test_one_that_came_before_the_handler_prevents_it() -> None:
    guard = ThreadGuard()
    guard.interrupt("cancelled")
    with pytest.raises(Cancelled):
        guard.open()

    assert guard.cancelled


def test_within_our_own_code_it_waits_until_that_is_left() -> None:
    guard = ThreadGuard()
    guard.open()
    guard.enter()
    guard.interrupt("soft_limit")
    guard.poll()
    guard.leave()

    with pytest.raises(SoftTimeLimit):
        guard.poll()
    guard.poll()


def test_after_the_handler_s_return_it_is_dropped() -> None:
    guard = ThreadGuard()
    guard.open()
    guard.shut()
    guard.interrupt("soft_limit")
    guard.poll()

    assert not guard.raised


def test_only_the_first_is_raised_and_a_cancel_is_still_known() -> None:
    guard = ThreadGuard()
    guard.open()
    with pytest.raises(SoftTimeLimit):
        strike_itself(guard)
    guard.interrupt("cancelled")
    guard.poll()

    assert guard.cancelled


@pytest.mark.parametrize("entered", ["shut", "enter", "poll"])
def test_one_that_finds_the_thread_on_its_way_into_our_own_code_is_held_back(entered: str) -> None:
    guards: SimpleQueue[ThreadGuard] = SimpleQueue()
    with ThreadPoolExecutor(1) as handlers:
        lock_taken = threading.Event()

        def handle() -> str:
            guard = ThreadGuard()
            guard.open()
            guards.put(guard)
            lock_taken.wait(5)
            try:
                getattr(guard, entered)()
            except SoftTimeLimit:
                return "struck"
            return "held back"

        ended = handlers.submit(handle)
        guard = guards.get(timeout=5)
        with guard._lock:
            lock_taken.set()
            assert not wait([ended], timeout=0.1).done  # it waits for the lock
            guard.interrupt("soft_limit")
        # `poll` raises it itself, and once.
        assert ended.result(5) == ("struck" if entered == "poll" else "held back")
        assert handlers.submit(sum, [1, 2]).result(5) == 3

    assert (guard.pending is None) is (entered == "poll")


@pytest.mark.usefixtures("busy_switching")
@pytest.mark.parametrize("kind", ["catch", "catch_async"])
def test_at_whatever_moment_it_comes_it_is_raised_at_most_once(
    slots: ThreadSlots, kind: str
) -> None:
    """The handler reports without pause: most interruptions find our own code at work."""
    dice = random.Random(kind)
    longest = min(_seconds_left_alone(slots, kind) for _ in range(10))
    counts = {0: 0, 1: 0}
    for played in range(10 * ROUNDS):
        if played >= ROUNDS and counts[1] >= HITS:
            break
        begun.clear()
        slot = slots.start(inside(kind))
        assert begun.wait(5)
        _let_pass(dice.uniform(0, longest))
        slot.interrupt("soft_limit")
        end = last_of(slot)
        if isinstance(end, Raised):  # beside the `try`
            assert end.kind == "soft_limit", end
        else:
            assert isinstance(end, Returned), end
            counts[int(end.result)] += 1
        assert last_of(slots.start(inside("echo", text="next"))) == Returned('"next"')

    assert counts[1] >= HITS
    assert not cut_off.is_set()


@pytest.mark.usefixtures("busy_switching")
def test_one_that_comes_with_the_end_hits_neither_the_thread_nor_its_next_job(
    slots: ThreadSlots,
) -> None:
    dice = random.Random(1)
    for number in range(ROUNDS * 5):
        slot = slots.start(inside("echo", text=str(number)))
        _let_pass(dice.uniform(0, 0.0001))
        slot.interrupt("soft_limit")
        end = last_of(slot)
        assert end == Returned(f'"{number}"') or (
            isinstance(end, Raised) and end.kind == "soft_limit"
        ), end
        assert last_of(slots.start(inside("echo", text="next"))) == Returned('"next"')

    handlers = [each for each in threading.enumerate() if each.name.startswith("handler ")]
    assert len(handlers) == 1


def _seconds_left_alone(slots: ThreadSlots, kind: str) -> float:
    begun.clear()
    slot = slots.start(inside(kind))
    assert begun.wait(5)
    since = time.perf_counter()
    assert last_of(slot) == Returned("0")
    return time.perf_counter() - since


def _let_pass(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
