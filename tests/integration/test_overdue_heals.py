"""Messages that are gone while their jobs wait: a real gateway notices, a real worker runs them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.gateway_running import Broker, RunningGateway
from tests.integration.worker_running import House
from tests.nodes import Rabbit, Redis

JOBS = 20
LEASE_MS = 6_000
OVERDUE_SECONDS = 2
HEALED_WITHIN = 60.0


class Setting:
    """Nodes to break, a gateway in a hurry, and workers when the test asks."""

    def __init__(self, folder: Path, rabbit: Rabbit, redis_node: Redis) -> None:
        self.rabbit, self.redis = rabbit, redis_node
        self.broker = Broker(rabbit.url)
        self.broker.serve()
        self.house = House(rabbit.url, redis_node.url, folder)
        self.gateway = RunningGateway(
            folder / "gateway",
            redis_url=redis_node.url,
            amqp_url=rabbit.url,
            WAYMARK_LEASE_MS=str(LEASE_MS),
            WAYMARK_OVERDUE_SECONDS=str(OVERDUE_SECONDS),
        )

    def submit(self) -> list[str]:
        return [
            self.house.submit("w.echo", priority=number % 10, text=str(number))
            for number in range(JOBS)
        ]

    def start_worker(self) -> None:
        self.house.start_worker(lease_ms=LEASE_MS, heartbeat_ms=1_000)

    def wait_until_all_succeed(self, jobs: list[str]) -> None:
        def all_done() -> bool:
            states = [self.house.read(job).state for job in jobs]
            assert set(states) == {State.SUCCEEDED}, states
            return True

        eventually(all_done, within=HEALED_WITHIN)

    def republished(self, reason: str) -> float:
        name = f'waymark_jobs_republished_total{{reason="{reason}"}} '
        lines = self.gateway.get("/metrics").text.splitlines()
        [value] = [line.removeprefix(name) for line in lines if line.startswith(name)]
        return float(value)

    def close(self) -> None:
        self.gateway.kill()
        self.house.close()


@pytest.fixture
def setting(
    tmp_path: Path, new_rabbitmq: Callable[[], Rabbit], new_redis: Callable[[], Redis]
) -> Iterator[Setting]:
    setting = Setting(tmp_path, new_rabbitmq(), new_redis())
    try:
        setting.gateway.start()
        yield setting
    finally:
        setting.close()


def test_all_jobs_finish_after_rabbitmq_was_wiped(setting: Setting) -> None:
    jobs = setting.submit()
    setting.rabbit.wipe()
    setting.rabbit.start()
    setting.start_worker()

    setting.wait_until_all_succeed(jobs)

    assert "jobs_overdue" in setting.gateway.log.read_text()


def test_messages_that_are_lost_are_published_anew_and_counted(setting: Setting) -> None:
    jobs = setting.submit()
    for queue in ("waymark.default", "waymark.default.high", "waymark.default.low"):
        setting.broker.jobs(queue)

    eventually(lambda: setting.republished("overdue") == JOBS, within=HEALED_WITHIN)
    setting.start_worker()

    setting.wait_until_all_succeed(jobs)
    assert {setting.house.read(job).dispatch for job in jobs} == {2}


def test_messages_that_wait_for_a_worker_are_left_alone(setting: Setting) -> None:
    jobs = setting.submit()
    with pytest.raises(AssertionError):
        eventually(lambda: setting.republished("overdue") > 0, within=5 * OVERDUE_SECONDS)
    assert {setting.house.read(job).dispatch for job in jobs} == {1}
    setting.start_worker()

    setting.wait_until_all_succeed(jobs)


def test_jobs_whose_records_went_back_after_their_messages_were_acked_run_again(
    setting: Setting,
) -> None:
    jobs = setting.submit()
    client = redis.Redis.from_url(setting.redis.url)
    kept = {key: client.dump(key) or b"" for key in client.keys("wm:{*")}
    setting.start_worker()
    setting.wait_until_all_succeed(jobs)

    with client.pipeline(transaction=True) as at_once:  # the gateway writes meanwhile
        at_once.delete(*client.keys("wm:{*"))
        for key, dumped in kept.items():
            at_once.restore(key, 0, dumped, replace=True)
        at_once.execute()
    client.close()
    setting.redis.stop()
    setting.redis.start()
    assert {setting.house.read(job).state for job in jobs} == {State.QUEUED}

    setting.wait_until_all_succeed(jobs)
