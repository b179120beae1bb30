"""The judge is judged: each bad history made by hand is caught, and the good ones pass."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Evidence, flaws
from tests.faults.witness import Run, runs_of

JOB = "j"


def a_record(**changes: Any) -> dict[str, Any]:
    usual = {
        "id": JOB,
        "type": "witness.act",
        "state": "succeeded",
        "final": True,
        "step": 3,
        "attempt": 1,
        "max_attempts": 5,
        "redrives": 0,
        "dead_letter": None,
        "attempts": [{"outcome": "succeeded"}],
    }
    return {**usual, **changes}


def a_run(started: float, last: float, *, ended: bool = True, attempt: int = 1) -> Run:
    return Run(JOB, attempt, f"run-{started}", int(started), started, last, ended)


def steps(*states: str) -> list[tuple[int, str]]:
    return list(enumerate(states, 1))


GOOD = Evidence(
    accepted=frozenset({JOB}),
    jobs={JOB: a_record()},
    histories={JOB: steps("queued", "running", "succeeded")},
    runs=[a_run(1, 2)],
    queues={"waymark.dead": 0},
    residue={"outbox": 0},
)
TAKEN_OVER = replace(
    GOOD,
    jobs={JOB: a_record(step=5, attempts=[{"outcome": "worker_lost"}, {"outcome": "succeeded"}])},
    histories={JOB: steps("queued", "running", "queued", "running", "succeeded")},
    runs=[a_run(1, 2, ended=False), a_run(20, 21)],
)
REDRIVEN = replace(
    GOOD,
    jobs={JOB: a_record(step=6, redrives=1)},
    histories={JOB: steps("queued", "running", "failed", "queued", "running", "succeeded")},
    runs=[a_run(1, 2, ended=False), a_run(3, 4)],
)


@pytest.mark.parametrize("good", [GOOD, TAKEN_OVER, REDRIVEN])
def test_a_good_history_has_no_flaw(good: Evidence) -> None:
    assert flaws(good) == []


BAD: dict[str, tuple[Evidence, str]] = {
    "a job that is gone": (replace(GOOD, jobs={}), "lost"),
    "a job that never ended": (
        replace(GOOD, jobs={JOB: a_record(state="queued", final=False)}),
        "lost",
    ),
    "a job the stream has not heard of": (replace(GOOD, histories={}), "stream does not know"),
    "a hole": (
        replace(GOOD, histories={JOB: [(1, "queued"), (3, "succeeded")]}),
        "its steps are [1, 3]",
    ),
    "a step that came twice": (
        replace(GOOD, histories={JOB: [(1, "queued"), (2, "running"), (2, "succeeded")]}),
        "its steps are [1, 2, 2]",
    ),
    "a stream that is behind": (
        replace(GOOD, histories={JOB: steps("queued", "running")}),
        "the stream ends at step [2]",
    ),
    "two ends": (
        replace(
            GOOD,
            jobs={JOB: a_record(step=4)},
            histories={JOB: steps("queued", "running", "succeeded", "succeeded")},
        ),
        "2 final transitions in 1 lives",
    ),
    "a life after the end": (
        replace(
            GOOD,
            jobs={JOB: a_record(step=5)},
            histories={JOB: steps("queued", "running", "succeeded", "running", "succeeded")},
        ),
        "succeeded was followed by running",
    ),
    "an end without a start": (
        replace(GOOD, jobs={JOB: a_record(step=2)}, histories={JOB: steps("queued", "succeeded")}),
        "queued was followed by succeeded",
    ),
    "two live attempts": (
        replace(TAKEN_OVER, runs=[a_run(1, 25, ended=False), a_run(20, 21)]),
        "overlap",
    ),
    "an attempt that woke up after its successor": (
        replace(TAKEN_OVER, runs=[a_run(1, 20.001, ended=False), a_run(20, 21)]),
        "overlap",
    ),
    "a run that nobody allowed": (
        replace(GOOD, runs=[a_run(1, 2), a_run(3, 4)]),
        "ran 2 times, was allowed to 1",
    ),
    "a success that nobody saw": (
        replace(GOOD, runs=[a_run(1, 2, ended=False)]),
        "never came to its end",
    ),
    "too many attempts": (
        replace(GOOD, jobs={JOB: a_record(max_attempts=1, attempts=[{"outcome": "failed"}] * 2)}),
        "2 attempts where 1 are allowed",
    ),
    "a failure without a dead letter": (
        replace(
            GOOD,
            jobs={JOB: a_record(state="failed")},
            histories={JOB: steps("queued", "running", "failed")},
        ),
        "failed, with dead letter None",
    ),
    "a failure that is not listed": (
        replace(
            GOOD,
            jobs={JOB: a_record(state="failed", dead_letter={"reason": "poison"})},
            histories={JOB: steps("queued", "running", "failed")},
            letters=frozenset(),
        ),
        "failed, not listed as a dead letter",
    ),
    "a success that is listed": (
        replace(GOOD, letters=frozenset({JOB})),
        "succeeded, listed as a dead letter",
    ),
    "a message that was left over": (
        replace(GOOD, queues={"waymark.default": 1}),
        "queue waymark.default still holds 1",
    ),
    "a lease that was left over": (replace(GOOD, residue={"leases": 2}), "leases still holds 2"),
}


@pytest.mark.parametrize(("bad", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_history_is_caught(bad: Evidence, words: str) -> None:
    found = flaws(bad)

    assert any(words in flaw for flaw in found), found


def test_a_frozen_attempt_that_never_wakes_overlaps_nobody() -> None:
    assert flaws(replace(TAKEN_OVER, runs=[a_run(1, 2, ended=False), a_run(20, 21)])) == []


def test_what_a_store_forgot_excuses_a_second_run_but_no_overlap() -> None:
    twice = replace(GOOD, forgetful=True, runs=[a_run(1, 2), a_run(3, 4)])
    at_once = replace(GOOD, forgetful=True, runs=[a_run(1, 3), a_run(2, 4)])

    assert flaws(twice) == []
    assert any("overlap" in flaw for flaw in flaws(at_once))


def test_the_lines_of_a_run_are_put_together() -> None:
    lines = [
        {"kind": kind, "job": JOB, "attempt": 1, "run": run, "pid": 7, "at": at}
        for kind, run, at in [
            ("start", "a", 1.0),
            ("start", "b", 1.5),
            ("tick", "a", 2.0),
            ("ghost", "ghost", 2.5),
            ("end", "a", 3.0),
        ]
    ]

    assert runs_of(lines) == [
        Run(JOB, 1, "a", 7, 1.0, 3.0, ended=True, over=True),
        Run(JOB, 1, "b", 7, 1.5, 1.5, ended=False),
    ]
