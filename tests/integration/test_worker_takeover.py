"""A worker that dies or stops moving: its jobs go to another, and nothing is written twice."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.job import JobRecord, Outcome
from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.worker_running import House

LEASE_MS = 6_000
QUICK: dict[str, Any] = {"lease_ms": LEASE_MS, "heartbeat_ms": 1_000}


@pytest.fixture
def house(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(amqp_url, redis_url, tmp_path)
    yield house
    house.close()


def sweep_until(house: House, job: str, state: State, within: float = 60.0) -> JobRecord:
    def swept() -> JobRecord | None:
        house.sweep(LEASE_MS)
        record = house.read(job)
        return record if record.state is state else None

    found = eventually(swept, within=within)
    assert found is not None
    return found


def outcomes(record: JobRecord) -> list[Outcome | None]:
    return [attempt.outcome for attempt in record.attempts]


def test_the_job_of_a_killed_worker_is_run_by_another_and_not_charged(house: House) -> None:
    first = house.start_worker(**QUICK)
    house.sweep(LEASE_MS)
    job = house.submit("w.resuming", seconds=60)
    house.wait_for(job, lambda record: record.checkpoint)
    house.start_worker(**QUICK)
    first.kill()
    done = sweep_until(house, job, State.SUCCEEDED)
    assert outcomes(done) == [Outcome.WORKER_LOST, Outcome.SUCCEEDED]
    assert (done.result, done.crashes) == ('"resumed at 7"', 0)
    eventually(lambda: house.waiting() == set())


def test_a_worker_that_stood_still_writes_nothing_when_it_wakes(house: House) -> None:
    zombie = house.start_worker(**QUICK)
    house.sweep(LEASE_MS)
    job = house.submit("w.sleep", seconds=12)
    house.wait_for(job, lambda record: record.progress)  # not before its slot has begun
    zombie.told(signal.SIGSTOP)
    house.start_worker(**QUICK)
    taken = sweep_until(house, job, State.QUEUED)
    assert outcomes(taken) == [Outcome.WORKER_LOST]
    sweep_until(house, job, State.RUNNING)
    zombie.told(signal.SIGCONT)
    lost = 'waymark_jobs_attempts_total{outcome="worker_lost",queue="default",type="w.sleep"} 1.0'
    eventually(lambda: lost in zombie.metrics(), within=15.0)
    done = sweep_until(house, job, State.SUCCEEDED)
    assert outcomes(done) == [Outcome.WORKER_LOST, Outcome.SUCCEEDED]
    assert zombie.probe("live")["live"] is True
