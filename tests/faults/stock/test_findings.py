"""What stock Dramatiq 2.2.1 loses, and we do not: the findings our choice of parts leaves possible.

Each scenario runs on both sides. The run on stock is expected to fail, strictly: the suite turns
red when a new Dramatiq gets one of them right, and then that scenario and its way around can go.
Only an AssertionError is a verdict; a scene that did not come about is NotStaged, an error.
"""

import time

import pytest

from tests.eventually import eventually
from tests.faults.stock.sides import (
    Side,
    cut_connections,
    delays_refused,
    messages_held,
    messages_ready,
    passers_by,
    passes_by,
    staged,
    stays,
)

pytestmark = pytest.mark.slow

LIMIT_NOTICED_SECONDS = 4.0  # 2 s limit, 1 s between two looks of stock's timer, 1 s to be sure
DELAYED = 30
CRASHES_ENOUGH = 4


def finding(stock_does: str) -> pytest.MarkDecorator:
    """Run a scenario on both sides; stock is expected to fail its verdict, for this reason."""
    loses = pytest.mark.xfail(strict=True, raises=AssertionError, reason=stock_does)
    return pytest.mark.parametrize(
        "side", [pytest.param("stock", marks=loses), "ours"], indirect=True
    )


@finding("1: the old delivery tag acks whatever has that number on the new channel")
def test_a_job_that_outlives_its_connection_loses_no_stranger(side: Side) -> None:
    crew = side.start(slots=3)
    passers_by(side, "first")  # takes tag 1, so that the outliving job has tag 2
    side.submit("wait", "outliving")
    staged(lambda: side.marks.began("outliving") == 1)
    cut_connections(side)
    stranger = side.submit("wait", "stranger")  # tag 2 too: tag 1 is the redelivery
    staged(lambda: side.marks.began("stranger") == 1)
    side.marks.open_gate("outliving")
    staged(lambda: side.marks.over("outliving"))
    passers_by(side, "second", "third")
    crew.kill()

    eventually(lambda: stranger in messages_ready(side))


@finding("2: a retry that cannot be published is logged and then acked")
def test_retries_that_the_broker_refuses_are_not_lost_jobs(side: Side) -> None:
    crew = side.start(slots=3)
    names = ["first", "second", "third"]
    with delays_refused(side):
        for name in names:
            side.submit("again", name)
            staged(lambda name=name: side.marks.over(name))  # type: ignore[misc]
        staged(crew.was_refused)

    def all_run_again() -> bool:
        side.housekeeping()
        return all(side.marks.over(name, 2) for name in names)

    eventually(all_run_again, within=40.0)  # back-off of the publisher 3 s, delay 3 s


@finding("3: the time limit is still armed while the result is stored; the job is retried")
def test_a_job_that_has_succeeded_does_not_run_again_because_its_result_was_slow(
    side: Side,
) -> None:
    side.start(slots=1)
    side.submit("limited", "prompt")
    staged(lambda: side.marks.began("prompt") == 1)
    began = time.monotonic()
    side.redis.freeze()
    try:
        side.marks.open_gate("prompt")
        staged(lambda: side.marks.over("prompt"))
        staged(lambda: time.monotonic() > began + LIMIT_NOTICED_SECONDS)
    finally:
        side.redis.thaw()
    passers_by(side, "first")

    stays(lambda: side.marks.began("prompt") == 1, seconds=4.0)


@finding("3: the time limit kills the thread that publishes a retry, and the retry with it")
def test_a_slow_broker_under_a_retry_costs_neither_the_job_nor_a_slot(side: Side) -> None:
    side.start(slots=1)
    passers_by(side, "first")
    side.submit("limited-fail-once", "unlucky")
    staged(lambda: side.marks.began("unlucky") == 1)
    began = time.monotonic()
    side.rabbitmq.freeze()
    try:
        side.marks.open_gate("unlucky")
        staged(lambda: side.marks.over("unlucky"))
        staged(lambda: time.monotonic() > began + LIMIT_NOTICED_SECONDS)
    finally:
        side.rabbitmq.thaw()

    passes_by(side, "second", within=8.0)
    eventually(lambda: side.marks.over("unlucky", 2), within=8.0)


@pytest.mark.parametrize("blocking", ["sleep", "receive"])
@finding("4: an exception of another thread waits until the blocking call returns")
def test_a_time_limit_reaches_a_job_that_is_blocked_in_a_system_call(
    side: Side, blocking: str
) -> None:
    side.start(slots=1)
    side.submit(blocking, "blocked")
    staged(lambda: side.marks.began("blocked") == 1)

    passes_by(side, "next", within=5.0)  # limit 1 s, slot back in 2 s, 2 s for slow machines


@finding("5: a job that kills its process is redelivered for ever")
def test_a_job_that_kills_its_process_is_a_dead_letter_after_two_crashes(side: Side) -> None:
    crew = side.start(slots=1)
    poison = side.submit("die", "poison")

    def ends() -> bool:
        crew.revive()
        return side.marks.began("poison") >= CRASHES_ENOUGH or bool(side.dead_letter(poison))

    staged(ends, within=30.0)

    assert "poison" in (side.dead_letter(poison) or "still in its queue")
    assert side.marks.began("poison") == 2


@finding("5: one worker process that dies makes the master stop all the others")
def test_a_job_that_kills_its_process_takes_no_sibling_out_of_service(side: Side) -> None:
    crew = side.start(slots=2, processes=2)
    side.submit("wait", "sibling")
    staged(lambda: side.marks.began("sibling") == 1)
    side.submit("die", "poison")
    staged(lambda: side.marks.began("poison") >= 1)
    side.submit("pass-by", "customer")

    def is_served() -> bool:
        crew.revive()
        return side.marks.over("customer")

    eventually(is_served, within=8.0)
    side.marks.open_gate("sibling")
    eventually(lambda: side.marks.over("sibling"))


@finding("6: delayed messages lie unacked in the worker's memory")
def test_jobs_that_wait_for_later_hold_nothing_in_a_worker(side: Side) -> None:
    side.start(slots=2)
    for number in range(DELAYED):
        side.submit("postpone", f"later-{number}")
    staged(lambda: all(side.marks.over(f"later-{number}") for number in range(DELAYED)))
    staged(lambda: sum(messages_held(side)) == DELAYED)

    eventually(lambda: messages_held(side) == (DELAYED, 0), within=8.0)


@finding("7: a worker that is told to stop goes on taking messages it will never start")
def test_a_worker_that_drains_takes_nothing_away_from_the_next_one(side: Side) -> None:
    crew = side.start(slots=1)
    side.submit("wait", "long")
    staged(lambda: side.marks.began("long") == 1)
    crew.told_to_stop()
    names = ["first", "second", "third"]
    for name in names:
        side.submit("pass-by", name)
    side.start(slots=1)

    eventually(lambda: all(side.marks.over(name) for name in names), within=8.0)
    assert not side.marks.over("long")


@finding("8: the dead letter is the broker's copy, which knows nothing of the last failure")
def test_a_dead_letter_says_why_it_is_one(side: Side) -> None:
    side.start(slots=1)
    job = side.submit("fail", "hopeless")
    staged(lambda: side.dead_letter(job))

    assert "run 2 failed" in (side.dead_letter(job) or "")
