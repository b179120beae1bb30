"""A worker whose broker goes away and comes back, and one that does not know what it is given."""

from collections.abc import Callable
from pathlib import Path

from shared.contracts.job import Outcome
from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.worker_running import House, RunningWorker
from tests.nodes import Rabbit, Redis


def test_a_job_ends_well_although_its_broker_died_and_its_retry_could_not_be_published(
    new_rabbitmq: Callable[[], Rabbit], redis_url: str, tmp_path: Path
) -> None:
    rabbitmq = new_rabbitmq()
    house = House(rabbitmq.url, redis_url, tmp_path)
    try:
        worker = house.start_worker()
        steady = house.submit("w.sleep", seconds=3)
        failing = house.submit("w.late", seconds=2)
        for job in (steady, failing):
            house.wait_state(job, State.RUNNING)
        rabbitmq.kill()
        # What runs goes on, and its end is written down without a broker.
        house.wait_state(steady, State.SUCCEEDED)
        house.wait_state(failing, State.RETRYING)
        assert worker.probe("live")["live"] is True
        assert worker.probe("ready")["ready"] is False
        rabbitmq.start()
        # No sweeper lives here: the redelivered message must bring its own successor.
        done = house.wait_state(failing, State.SUCCEEDED, within=60.0)
        outcomes = [attempt.outcome for attempt in done.attempts]
        assert outcomes == [Outcome.FAILED, Outcome.SUCCEEDED]
        assert len(house.read(steady).attempts) == 1
        worker.wait_ready()
        eventually(lambda: house.waiting() == set())
        house.wait_state(house.submit("w.echo"), State.SUCCEEDED)
    finally:
        house.close()


def test_a_type_that_only_another_worker_knows_waits_for_it(
    amqp_url: str, redis_url: str, tmp_path: Path
) -> None:
    house = House(amqp_url, redis_url, tmp_path)
    try:
        ignorant = house.start_worker(jobs="")
        job = house.submit("w.echo", text="for another")
        eventually(lambda: 'answer="ack"} 1.0' in ignorant.metrics())
        assert house.read(job).state is State.QUEUED
        ignorant.kill()
        house.start_worker()
        assert house.wait_state(job, State.SUCCEEDED).attempt == 1
    finally:
        house.close()


def test_slots_that_stand_frozen_while_redis_is_away_say_so_and_for_how_long(
    amqp_url: str, new_redis: Callable[[], Redis], tmp_path: Path
) -> None:
    redis = new_redis()
    house = House(amqp_url, redis.url, tmp_path)
    try:
        worker = house.start_worker(lease_ms=4_500, heartbeat_ms=500)
        job = house.submit("w.sleep", seconds=1.5)
        house.wait_state(job, State.RUNNING)
        redis.freeze()
        eventually(lambda: told(worker, 'waymark_worker_slots{state="frozen"}') == 1)
        assert told(worker, 'waymark_jobs_in_flight{queue="default"}') == 1
        eventually(lambda: told(worker, "waymark_worker_frozen_seconds_total") > 0.5)
        redis.thaw()
        house.wait_state(job, State.SUCCEEDED)
        eventually(lambda: told(worker, 'waymark_jobs_in_flight{queue="default"}') == 0)
        assert told(worker, 'waymark_worker_slots{state="frozen"}') == 0
    finally:
        house.close()


def told(worker: RunningWorker, series: str) -> float:
    values = [line.split()[-1] for line in worker.metrics().splitlines() if line.startswith(series)]
    return float(values[0])
