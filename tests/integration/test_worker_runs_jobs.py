"""A real worker with real slots, RabbitMQ and Redis: jobs come to their right ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contracts.answers import CancelVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, Outcome
from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.worker_running import House


@pytest.fixture
def house(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(amqp_url, redis_url, tmp_path)
    yield house
    house.close()


def test_jobs_come_to_their_right_ends(house: House) -> None:
    """One worker for many short stories: starting one costs more than each of them."""
    worker = house.start_worker()
    echo = house.submit("w.echo", text="hallo")
    flaky = house.submit("w.flaky", fail_times=2)
    refused = house.submit("w.refuse")
    crashing = house.submit("w.crash")
    endless = house.submit("w.endless", max_attempts=1)

    assert house.wait_state(echo, State.SUCCEEDED).result == '"hallo"'

    retried = house.wait_state(flaky, State.SUCCEEDED)
    assert retried.result == "3"
    assert [attempt.outcome for attempt in retried.attempts[:2]] == [Outcome.FAILED] * 2

    declined = house.wait_state(refused, State.FAILED)
    assert declined.dead_letter is not None
    assert declined.dead_letter.reason is DeadLetterReason.NOT_RETRYABLE
    assert json.loads(declined.public_error or "")["message"] == "card declined"

    poisoned = house.wait_state(crashing, State.FAILED)
    assert poisoned.dead_letter is not None
    assert poisoned.dead_letter.reason is DeadLetterReason.POISON
    assert poisoned.crashes == 2

    timed_out = house.wait_state(endless, State.FAILED)
    assert json.loads(timed_out.error or "")["code"] == "time_limit_exceeded"
    began, ended = timed_out.started_at or 0, timed_out.finished_at or 0
    assert 900 <= ended - began <= 3_000

    dead = {RunJob.decode(eventually(house.dead_letter) or b"").job for _ in range(3)}
    assert dead == {refused, crashing, endless}
    assert house.dead_letter() is None
    assert 'outcome="succeeded"' in worker.metrics()
    assert worker.probe("live")["live"] is True


def test_a_running_job_that_is_cancelled_stops_within_its_grace(house: House) -> None:
    house.start_worker()
    willing, deaf = house.submit("w.sleep", seconds=60), house.submit("w.deaf", seconds=60)
    for job in (willing, deaf):
        house.wait_state(job, State.RUNNING)
        assert house.cancel(job, grace=1_500) is CancelVerdict.REQUESTED
    stopped = house.wait_state(willing, State.CANCELLED, within=2.0)
    assert stopped.attempts[-1].outcome is Outcome.CANCELLED
    killed = house.wait_state(deaf, State.CANCELLED, within=4.0)
    assert (killed.finished_at or 0) - (killed.cancel_requested_at or 0) < 3_000


def test_progress_reaches_the_record_while_the_job_runs(house: House) -> None:
    house.start_worker()
    job = house.submit("w.sleep", seconds=2)
    early = house.wait_for(job, lambda record: record.progress)
    assert early.state is State.RUNNING
    done = house.wait_state(job, State.SUCCEEDED)
    assert json.loads(done.progress or "")["current"] == 100


def test_a_message_that_cannot_be_decoded_goes_to_the_dead_letters_and_harms_nobody(
    house: House,
) -> None:
    house.start_worker()
    house.publish_bytes("waymark.default", b'{"not":"ours"')
    after = house.submit("w.echo")
    assert eventually(house.dead_letter) == b'{"not":"ours"'
    house.wait_state(after, State.SUCCEEDED)


def test_the_urgent_queue_is_served_before_the_others(house: House) -> None:
    house.start_worker(slots=1)
    blocking = house.submit("w.sleep", priority=1, seconds=1.5)  # takes up the low prefetch
    house.wait_state(blocking, State.RUNNING)
    jobs = [house.submit("w.echo", priority=priority) for priority in (1, 5, 9)]
    started = [house.wait_state(job, State.SUCCEEDED).started_at or 0 for job in jobs]
    assert started == sorted(started, reverse=True)
    assert len(set(started)) == len(started)
