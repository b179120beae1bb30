"""Q8: a type that no live worker knows waits for one, and is a dead letter when none comes."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deploy.local.house import House
from deploy.local.service import Service
from tests.eventually import eventually_async
from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

GONE_SECONDS = 6.0
CARD_SECONDS = 15.0  # a worker that was killed counts as alive for so long
LAP_SECONDS = 16.0  # of the fourth lap, after 2, 4 and 8


@contextmanager
def a_stranger_beside(stage: Stage, **settings: str) -> Iterator[Service]:
    """A second worker of the same house that knows no witness job."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
    env = {**inherited, "WAYMARK_NODES": "private", "WAYMARK_JOBS": "", **settings}
    house = House(stage.house.root, env=env, ports=stage.house.ports, workers=2)
    try:
        house.start()  # the rest of the house runs already and is found again
        yield house.service("worker.2")
    finally:
        house.service("worker.2").kill()


async def test_q8_a_type_whose_only_worker_is_away_waits_for_it_and_then_runs_once(
    new_stage: Callable[..., Stage],
) -> None:
    stage = new_stage()
    with a_stranger_beside(stage) as stranger:
        stage.house.service("worker").stop()
        async with stage.client() as http:
            jobs = await stage.submit_many(http, 3)
            await eventually_async(lambda: told_of_all(stranger, jobs, times=3), within=10)
            waiting = [await stage.gateway.read(http, job) for job in jobs]
            await asyncio.to_thread(stage.house.service("worker").start)
            await asyncio.to_thread(stranger.stop)  # while both are there, each gets its share
            for job in jobs:
                await stage.run_of(job, within=LAP_SECONDS)

            assert {job["state"] for job in waiting} == {"queued"}
            assert await stage.verdict(http, jobs) == []
            for job in jobs:
                assert (await stage.gateway.read(http, job))["attempt"] == 1
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_q8_a_type_whose_worker_stays_away_is_a_dead_letter_until_it_is_redriven(
    new_stage: Callable[..., Stage],
) -> None:
    stage = new_stage()
    with a_stranger_beside(stage, WAYMARK_UNKNOWN_TYPE_SECONDS=str(GONE_SECONDS)):
        await asyncio.to_thread(stage.house.service("worker").kill)
        killed = time.monotonic()
        async with stage.client() as http:
            jobs = await stage.submit_many(http, 3)
            ended = await stage.gateway.settle(
                http, jobs, within=CARD_SECONDS + GONE_SECONDS + LAP_SECONDS
            )
            took = time.monotonic() - killed

            assert took > GONE_SECONDS
            for record in ended.values():
                assert (record["state"], record["error"]["code"]) == ("failed", "unknown_type")
                assert record["dead_letter"]["reason"] == "unknown_type"
            assert await stage.verdict(http, jobs) == []
            await asyncio.to_thread(stage.house.service("worker").start)
            for job in jobs:  # at once: the stranger has not heard yet that the type is back
                assert (await http.post(f"/v1/jobs/{job}/retry")).status_code == 202
            assert await stage.verdict(http, jobs) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def told_of_all(worker: Service, jobs: list[str], *, times: int) -> bool:
    """Whether a worker has said so often of each job that it does not know its type."""
    lines = [line for line in worker.log_text().splitlines() if "type_unknown" in line]
    return all(sum(job in line for line in lines) >= times for job in jobs)
