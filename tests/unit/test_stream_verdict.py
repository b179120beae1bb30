"""The judge of a storm over the stream: what it must find, and what it must let pass."""

from pathlib import Path
from typing import Any

import pytest

from tests.chaos.stream.controls import CONTROLS
from tests.chaos.stream.sight import Sight, WireCheck
from tests.chaos.stream.verdict import Book, Step, feed_flaws, flaws
from tests.faults.sabotage import copy_of_the_code

JOB = "j"
LIFE = (("queued", "1", "e1", 1), ("running", "2", "e1", 2), ("succeeded", "3", "e1", 3))


def book(*steps: Step, epochs: tuple[str, ...] = ("e1",)) -> Book:
    return Book(epochs, {JOB: steps or LIFE}, {JOB: None})


def snapshot(epoch: str, revision: int, *history: tuple[str, str]) -> list[Any]:
    return ["s", epoch, revision, [[n, *past] for n, past in enumerate(history, 1)], None]


def moved(epoch: str, revision: int, step: int, state: str, at: str) -> list[Any]:
    return ["t", epoch, revision, step, state, at, None]


FIRST = snapshot("e1", 1, ("queued", "1"))
SECOND = moved("e1", 2, 2, "running", "2")
LAST = moved("e1", 4, 3, "succeeded", "3")


def test_every_step_once_and_in_order_is_no_flaw() -> None:
    assert flaws(JOB, [FIRST, SECOND, ["p", "e1", 3, 2], LAST], [book()]) == []


def test_a_last_step_that_never_came_is_a_flaw() -> None:
    assert flaws(JOB, [FIRST, SECOND], [book()]) == ["ends with step 2, never saw [3] of 3"]


def test_a_step_shown_twice_is_a_flaw() -> None:
    found = flaws(JOB, [FIRST, SECOND, SECOND, LAST], [book()])

    assert found[0] == "transition e1-2-2 was shown again after revision 2"


def test_a_progress_that_goes_back_is_a_flaw() -> None:
    found = flaws(JOB, [FIRST, SECOND, ["p", "e1", 3, 2], ["p", "e1", 3, 2], LAST], [book()])

    assert found == ["progress e1-3-2 was shown again after revision 3"]


def test_a_hole_is_a_flaw_though_the_end_is_right() -> None:
    found = flaws(JOB, [FIRST, LAST], [book()])

    assert "transition e1-4-3 was shown where step 2 belongs" in found


def test_a_step_that_the_store_never_wrote_is_a_flaw() -> None:
    found = flaws(JOB, [FIRST, moved("e1", 2, 2, "running", "9"), LAST], [book()])

    assert found[0] == "step 2 of epoch e1 is ('running', '9'), truly [('running', '2')]"


def test_what_a_failover_forgot_may_have_been_seen_and_comes_again() -> None:
    old = book(*LIFE[:2], ("retrying", "3", "e1", 3))
    new = book(*LIFE[:2], ("succeeded", "5", "e2", 3), epochs=("e2",))
    log = [FIRST, SECOND, moved("e1", 3, 3, "retrying", "3"),
           snapshot("e2", 2, ("queued", "1"), ("running", "2")),
           moved("e2", 3, 3, "succeeded", "5")]  # fmt: skip

    assert flaws(JOB, log, [old, new]) == []
    assert flaws(JOB, log[:3], [old, new]) == ["ends with step 3, never saw [] of 3"]


def test_a_step_of_a_later_epoch_cannot_be_seen_in_an_earlier_one() -> None:
    grown = book(*LIFE[:2], ("succeeded", "3", "e2", 3), epochs=("e1", "e2"))

    found = flaws(JOB, [FIRST, SECOND, LAST], [grown])

    assert found == ["step 3 of epoch e1 is ('succeeded', '3'), truly []"]


def test_a_sight_asks_again_where_the_rule_says_so() -> None:
    sight = Sight()
    assert sight.take({"type": "snapshot", "epoch": "e1", "revision": 1, "step": 1,
                       "state": "queued", "history": [], "result": None})  # fmt: skip

    assert not sight.take({"type": "progress", "epoch": "e2", "revision": 9, "step": 1})
    assert not sight.take({"type": "progress", "epoch": "e1", "revision": 9, "step": 2})
    assert not sight.take({"type": "transition", "epoch": "e1", "revision": 9, "step": 3})
    assert sight.take({"type": "progress", "epoch": "e1", "revision": 1, "step": 1})
    assert sight.log[1:] == []


def test_a_server_may_send_nothing_twice_on_one_connection() -> None:
    check = WireCheck("e1", 4, 2, cursor_sent=True)
    frame = {"type": "transition", "epoch": "e1", "revision": 5, "step": 3}

    assert check.take(frame) is None
    assert check.take(frame) == "the server sent transition e1-5-3 again after e1-5-3"
    assert check.take({"type": "live", "recovered": True}) is None
    assert check.take({"type": "live", "recovered": False}) is not None


def told(epoch: str, seq: int, step: int, state: str, at: str) -> list[Any]:
    return ["t", epoch, seq, JOB, step, state, at]


WHOLE = [["b", "e1", 1], told("e1", 2, 2, "running", "2"), told("e1", 3, 3, "succeeded", "3")]


def test_a_feed_that_tells_everything_from_where_it_began_is_no_flaw() -> None:
    assert feed_flaws(WHOLE, [book()]) == []
    assert feed_flaws([["b", "e1", 3]], [book()]) == []


def test_a_feed_with_a_hole_or_without_its_end_is_a_flaw() -> None:
    assert feed_flaws([WHOLE[0], WHOLE[2]], [book()])
    assert feed_flaws(WHOLE[:2], [book()]) == ["never saw [3, 'j', 3, 'succeeded', '3'] and 0 more"]


def test_a_feed_that_never_learns_of_the_last_epoch_is_a_flaw() -> None:
    grown = book(*LIFE[:2], ("succeeded", "3", "e2", 3), epochs=("e1", "e2"))

    assert feed_flaws(WHOLE[:2], [grown]) == ["ends in epoch e1, the store in e2"]
    assert (
        feed_flaws([*WHOLE[:2], ["b", "e2", 2], told("e2", 3, 3, "succeeded", "3")], [grown]) == []
    )


@pytest.mark.parametrize("name", CONTROLS)
def test_the_rule_that_a_control_switches_off_is_where_it_looks_for_it(
    tmp_path: Path, name: str
) -> None:
    copy_of_the_code(tmp_path / "code", *CONTROLS[name].patches)
