"""A worker whose connections are cut, that is killed, drained, or started too early."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.contracts.job import Outcome
from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.worker_running import House
from tests.nodes import Rabbit, Redis

RECONNECTED = 20.0


@pytest.fixture
def house(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(amqp_url, redis_url, tmp_path)
    yield house
    house.close()


def cut_connections(rabbitmq: Rabbit, house: House) -> None:
    """Close every connection to the house's virtual host, from the broker's side."""
    vhost = urlsplit(house.amqp_url).path.lstrip("/")
    rabbitmq.ctl("close_all_connections", "--vhost", vhost, "the test cuts it")


def test_a_job_that_outlives_its_connection_never_acks_a_stranger(
    house: House, rabbitmq: Rabbit
) -> None:
    worker = house.start_worker(slots=3)
    first = house.submit("w.echo")  # takes delivery tag 1, so that the outliving job has tag 2
    house.wait_state(first, State.SUCCEEDED)
    outliving = house.submit("w.sleep", seconds=12)
    house.wait_state(outliving, State.RUNNING)
    cut_connections(rabbitmq, house)
    eventually(lambda: not worker.probe("ready").get("ready", True), within=RECONNECTED)
    worker.wait_ready(RECONNECTED)
    # The redelivery of the outliving job is tag 1 of the new connection; the stranger is tag 2.
    stranger = house.submit("w.sleep", seconds=60)
    house.wait_state(stranger, State.RUNNING)
    assert house.read(outliving).state is State.RUNNING, "the machine is too slow for this test"
    done = house.wait_state(outliving, State.SUCCEEDED, within=20.0)
    assert done.result == "1"
    # Three acks: the first job's, that of the redelivery (LIVE), and the one that comes too late.
    acks = 'waymark_worker_deliveries_total{answer="ack"} 3.0'
    eventually(lambda: acks in worker.metrics())
    worker.kill()
    eventually(lambda: stranger in house.waiting(), within=5.0)


def test_a_worker_told_to_stop_lets_a_short_job_end_and_uses_up_nobody(house: House) -> None:
    worker = house.start_worker(slots=1, drain_seconds=20)
    running = house.submit("w.sleep", seconds=2)
    waiting = house.submit("w.sleep", seconds=0.1)
    house.wait_state(running, State.RUNNING)
    worker.told(signal.SIGTERM)
    assert worker.ended() == 0
    assert house.read(running).state is State.SUCCEEDED
    assert house.read(waiting).state is State.QUEUED
    assert house.waiting() == {waiting}
    house.start_worker()
    assert house.wait_state(waiting, State.SUCCEEDED).result == "1"


def test_a_worker_hands_back_what_does_not_end_in_time(house: House) -> None:
    worker = house.start_worker(drain_seconds=0.5)
    willing, deaf = house.submit("w.sleep", seconds=60), house.submit("w.deaf", seconds=60)
    for job in (willing, deaf):
        house.wait_state(job, State.RUNNING)
    worker.told(signal.SIGTERM)
    assert worker.ended() == 0
    for job in (willing, deaf):
        record = house.read(job)
        assert record.state is State.QUEUED
        assert (record.spent, record.crashes) == (0, 0)
        assert record.attempts[-1].outcome is Outcome.INTERRUPTED
    eventually(lambda: house.waiting() == {willing, deaf})


def test_a_second_signal_hurries_a_drain(house: House) -> None:
    worker = house.start_worker(drain_seconds=300)
    job = house.submit("w.sleep", seconds=60)
    house.wait_state(job, State.RUNNING)
    worker.told(signal.SIGTERM)
    eventually(lambda: "draining" in str(worker.probe("ready")))
    worker.told(signal.SIGTERM)
    assert worker.ended(within=15.0) == 0
    assert house.read(job).state is State.QUEUED


def test_a_worker_started_before_its_nodes_waits_and_says_so(
    redis_url: str, tmp_path: Path
) -> None:
    house = House("amqp://guest:guest@127.0.0.1:9/%2F", redis_url, tmp_path)
    try:
        worker = house.start_worker(wait=False)
        eventually(lambda: worker.probe("live").get("live"), within=30.0)
        ready = worker.probe("ready")
        assert ready["ready"] is False
        assert "waymark.default" in ready["checks"]["rabbitmq"]
        worker.told(signal.SIGTERM)
        assert worker.ended() == 0
    finally:
        house.close()


def test_an_outage_of_redis_costs_a_running_job_nothing(
    amqp_url: str, new_redis: Callable[[], Redis], tmp_path: Path
) -> None:
    redis = new_redis()
    house = House(amqp_url, redis.url, tmp_path)
    try:
        worker = house.start_worker()
        job = house.submit("w.sleep", seconds=2)
        house.wait_state(job, State.RUNNING)
        redis.freeze()
        assert worker.probe("live")["live"] is True
        eventually(lambda: "does not answer" in str(worker.probe("ready")), within=15.0)
        redis.thaw()
        done = house.wait_state(job, State.SUCCEEDED, within=20.0)
        assert [attempt.outcome for attempt in done.attempts] == [Outcome.SUCCEEDED]
        assert done.result == "1"
        worker.wait_ready()
    finally:
        house.close()


def test_a_worker_whose_zygote_dies_charges_nobody_and_ends(house: House) -> None:
    worker = house.start_worker()
    job = house.submit("w.sleep", seconds=60)
    house.wait_state(job, State.RUNNING)
    zygote = children_of(worker.process.pid)
    assert len(zygote) == 1
    os.kill(zygote[0], signal.SIGKILL)
    assert worker.ended() == 1
    record = house.read(job)
    assert record.state is State.QUEUED
    assert (record.spent, record.crashes) == (0, 0)
    eventually(lambda: house.waiting() == {job})


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in listed for child in children.read_text().split()]
