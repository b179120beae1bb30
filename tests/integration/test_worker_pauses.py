"""A paused queue and real workers: nothing starts, nothing churns, nothing is lost."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.store_redis import RedisPauses
from shared.contracts.answers import CancelVerdict
from shared.contracts.lifecycle import State
from shared.contracts.topology import ladder_level, work_queues
from tests.eventually import eventually
from tests.integration.worker_running import House

HIGH, NORMAL, LOW = work_queues("default")
OBEYED_SECONDS = 2.0  # a look every 0.5 s and a tick every 0.25 s, on a machine that does much else


@pytest.fixture
def house(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(amqp_url, redis_url, tmp_path)
    yield house
    resume(house)
    house.close()


def pause(house: House) -> None:
    async def do() -> None:
        board = RedisPauses(house.redis_url)
        await board.pause("default", by="key:sre", reason="a test")
        await board.close()

    asyncio.run(do())


def resume(house: House) -> None:
    async def do() -> None:
        board = RedisPauses(house.redis_url)
        await board.resume("default")
        await board.close()

    asyncio.run(do())


def ready(house: House) -> dict[str, int]:
    """Messages that lie in the three queues, and on the low levels of the ladder together."""
    depths = {name: house.depth(name) for name in (HIGH, NORMAL, LOW)}
    ladder = sum(house.depth(ladder_level(n)).ready for n in range(8))  # up to a minute
    return {**{name: depth.ready for name, depth in depths.items()}, "ladder": ladder}


def test_a_paused_queue_rests_through_a_kill_and_goes_on_where_it_was(house: House) -> None:
    worker = house.start_worker()
    running = [house.submit("w.sleep", seconds=3) for _ in range(2)]
    for job in running:
        house.wait_state(job, State.RUNNING)
    held = [house.submit("w.echo", priority=priority) for priority in (9, 5, 1) for _ in range(3)]

    pause(house)
    at_rest = {HIGH: 3, NORMAL: 3, LOW: 3, "ladder": 0}
    eventually(lambda: ready(house) == at_rest, within=OBEYED_SECONDS)
    assert house.read(running[0]).state is State.RUNNING, "what runs is not disturbed"
    late = [house.submit("w.echo", priority=priority) for priority in (9, 1)]
    for job in running:
        assert house.wait_state(job, State.SUCCEEDED).attempt == 1
    assert house.cancel(held[0]) is CancelVerdict.CANCELLED
    assert worker.probe("ready")["ready"], "a worker whose queue is paused is in order"

    worker.kill()
    house.start_worker()
    assert ready(house) == {HIGH: 4, NORMAL: 3, LOW: 4, "ladder": 0}
    waiting = [*held[1:], *late]
    assert {house.read(job).state for job in waiting} == {State.QUEUED}

    resume(house)
    ended = {job: house.wait_state(job, State.SUCCEEDED, within=20) for job in waiting}
    assert {(record.attempt, len(record.attempts)) for record in ended.values()} == {(1, 1)}
    started = sorted(ended.values(), key=lambda record: record.started_at or 0)
    assert [record.priority for record in started] == [9] * 3 + [5] * 3 + [1] * 4
    eventually(lambda: set(ready(house).values()) == {0})


def test_a_worker_that_starts_while_its_queue_is_paused_begins_nothing_and_stops_at_once(
    house: House,
) -> None:
    pause(house)
    worker = house.start_worker()
    job = house.submit("w.echo")
    assert house.depth(NORMAL) == (1, 0)
    assert house.read(job).state is State.QUEUED

    resume(house)
    house.wait_state(job, State.SUCCEEDED)
    pause(house)
    eventually(lambda: house.depth(NORMAL).consumers == 0, within=OBEYED_SECONDS)
    worker.told(signal.SIGTERM)
    assert worker.ended(within=4.0) == 0, "a drain does not wait for consumers that rest"
