"""A deploy as it is done: one process after the other, while jobs keep coming."""

import asyncio

import httpx
import pytest

from tests.faults.stage import BOTH_WORKERS, Stage

ROUND = (*BOTH_WORKERS, "gateway", "notifier")
ROUNDS = 2
BETWEEN_SECONDS = 0.2


@pytest.mark.slow
async def test_a_rolling_restart_of_everything_under_load_charges_nobody(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs: list[str] = []
    rolled = asyncio.Event()

    async def keep_submitting() -> None:
        while not rolled.is_set():
            jobs.append(await stage.submit(http, seconds=0.5))
            await asyncio.sleep(BETWEEN_SECONDS)

    async def roll() -> None:
        for name in ROUND * ROUNDS:
            await asyncio.to_thread(stage.house.service(name).restart)
        rolled.set()

    long = await stage.submit_many(http, 3, seconds=8)
    async with asyncio.TaskGroup() as deploy:
        deploy.create_task(keep_submitting())
        deploy.create_task(roll())

    assert len(jobs) > 20
    assert await stage.verdict(http, [*jobs, *long]) == []
    for job in [*jobs, *long]:
        record = await stage.gateway.read(http, job)
        assert (record["state"], record["attempt"]) == ("succeeded", 1), record
        assert {a["outcome"] for a in record["attempts"]} <= {"interrupted", "succeeded"}
