"""Delays: on time, of any length, called off at once, and held by the broker alone."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.topology import LADDER_LEVELS, ladder_level
from tests.eventually import eventually, eventually_async
from tests.faults.mailman import WORK_QUEUE, move_one
from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

ON_TIME_SECONDS = 0.5
ON_TIME_SHARE = 0.02
LIGHT_LOAD = 40  # jobs of 0.2 s, two a second
AT_ONCE_SECONDS = 1.0
HOUR = 3600
FIVE_DAYS = 5 * 24 * HOUR  # the ladder holds a message for three
SIX_SECONDS_LEVEL = 4  # 24 units of 250 ms, or a few less
HOUR_LEVEL = 13
MANY = 10_000
MEGABYTE = 1024 * 1024


async def test_jobs_delayed_by_03_to_20_s_start_within_half_a_second_or_2_percent(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    delays = [0.3, 0.5, 0.8, 1.0, 1.7, 2.5, 4.0, 6.5, 10.0, 14.0, 20.0]
    await stage.gateway.settle(http, await stage.submit_many(http, 12, seconds=0.1), within=20)
    jobs = await asyncio.gather(
        *(later(stage, http, seconds=0, delay_seconds=delay) for delay in delays for _ in "123")
    )
    load: list[str] = []
    while len(load) < LIGHT_LOAD:
        load.append(await stage.submit(http, seconds=0.2))
        await asyncio.sleep(0.5)

    ids = [job["id"] for job in jobs]
    assert await stage.verdict(http, [*ids, *load]) == []
    late = {job["id"]: lateness(stage, job) for job in jobs}
    wrong = [
        (job["run_at"], late[job["id"]])
        for job, delay in zip(jobs, [d for d in delays for _ in "123"], strict=True)
        if not 0 <= late[job["id"]] <= max(ON_TIME_SECONDS, ON_TIME_SHARE * delay)
    ]
    assert not wrong, wrong


async def test_a_job_for_a_moment_of_the_day_starts_then(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
    job = await later(stage, http, seconds=0, run_at=moment)

    assert job["state"] == "scheduled"
    assert await stage.verdict(http, [job["id"]]) == []
    assert 0 <= lateness(stage, job) <= ON_TIME_SECONDS


async def test_a_message_that_has_walked_the_whole_ladder_too_soon_goes_round_again(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    job = await later(stage, http, delay_seconds=FIVE_DAYS)
    top = ladder_level(LADDER_LEVELS - 1)
    await asyncio.to_thread(eventually, lambda: stage.queues()[top] == 1, 10)
    await let_go_early(stage, LADDER_LEVELS - 1)
    await asyncio.to_thread(eventually, lambda: stage.queues()[top] == 1, 10)

    assert stage.queues()[WORK_QUEUE] == 0
    assert (await stage.gateway.read(http, job["id"]))["state"] == "scheduled"
    await call_off(http, job["id"])
    await let_go_early(stage, LADDER_LEVELS - 1)
    assert await stage.verdict(http, [job["id"]]) == []


async def test_a_message_that_comes_round_early_still_starts_its_job_on_time(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    job = await later(stage, http, seconds=0, delay_seconds=6)
    await let_go_early(stage, SIX_SECONDS_LEVEL)

    assert await stage.verdict(http, [job["id"]]) == []
    assert 0 <= lateness(stage, job) <= ON_TIME_SECONDS


async def test_a_job_that_waits_for_an_hour_is_cancelled_at_once_and_its_message_starts_nothing(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = [
        await later(stage, http, delay_seconds=HOUR),
        await later(stage, http, "ruled.act", plan=["retry 3600", "end"]),
    ]
    await state_of(stage, http, jobs[1]["id"], "retrying")
    for job in jobs:
        asked = time.monotonic()
        answer = await call_off(http, job["id"])
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert time.monotonic() - asked < AT_ONCE_SECONDS
    for _ in jobs:
        await asyncio.to_thread(
            move_one,
            stage.rabbitmq.url,
            ladder_level((4 * HOUR).bit_length() - 1),
            "waymark.default",
        )

    assert await stage.verdict(http, [job["id"] for job in jobs]) == []
    assert not stage.witness.runs(jobs[0]["id"])
    assert len(stage.witness.runs(jobs[1]["id"])) == 1


async def test_a_redriven_job_starts_at_once_however_long_it_was_delayed_before(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    job = await later(stage, http, "ruled.act", plan=["fail", "end"], delay_seconds=3)
    await state_of(stage, http, job["id"], "failed")
    asked = time.monotonic()
    answer = await http.post(f"/v1/jobs/{job['id']}/retry")
    again = await stage.run_of(job["id"], after=asked)

    assert answer.status_code == 202
    assert again.started - asked < AT_ONCE_SECONDS
    assert await stage.verdict(http, [job["id"]]) == []


async def test_ten_thousand_delayed_jobs_are_held_by_the_broker_and_not_by_a_worker(
    new_stage: Callable[..., Stage],
) -> None:
    stage = new_stage()
    async with stage.client() as http:
        await stage.gateway.settle(http, await stage.submit_many(http, 20, seconds=0), within=20)
        before = resident(stage)
        gate = asyncio.Semaphore(64)

        async def one() -> str:
            async with gate:
                return str((await later(stage, http, delay_seconds=600))["id"])

        jobs = await asyncio.gather(*(one() for _ in range(MANY)))
        await asyncio.to_thread(eventually, lambda: sum(stage.queues().values()) == MANY, 20)
        waiting = {name for name, count in stage.queues().items() if count}
        unacked = stage.rabbitmq.ctl("list_queues", "--no-table-headers", "messages_unacknowledged")
        asked = time.monotonic()
        answer = await call_off(http, jobs[-1])
        took = time.monotonic() - asked
        short = await stage.submit_many(http, 6, seconds=0)
        await stage.gateway.settle(http, short, within=5)
        grown = resident(stage) - before

    assert all(name.startswith("waymark.delay.") for name in waiting), waiting
    assert sum(int(count) for count in unacked.split() if count.isdecimal()) == 0
    assert grown < 10 * MEGABYTE, grown
    assert (answer.status_code, took < AT_ONCE_SECONDS) == (200, True), took


async def later(
    stage: Stage, http: httpx.AsyncClient, kind: str = "witness.act", **asked: Any
) -> dict[str, Any]:
    """Submit a job whose fields and payload are mixed, and return its record."""
    moments = {"delay_seconds", "run_at"}
    payload = {name: value for name, value in asked.items() if name not in moments}
    fields = {name: value for name, value in asked.items() if name in moments}
    body: dict[str, Any] = {"type": kind, "payload": payload, **fields}
    return await stage.gateway.submit(http, body, key=f"k-{time.monotonic_ns()}", within=30)


async def let_go_early(stage: Stage, level: int) -> None:
    """Move a message from the ladder to the worker, as if its time there were over."""
    await asyncio.to_thread(
        eventually, lambda: move_one(stage.rabbitmq.url, ladder_level(level), WORK_QUEUE), 10
    )


async def call_off(http: httpx.AsyncClient, job: str) -> httpx.Response:
    return await http.post(f"/v1/jobs/{job}/cancel", json={})


async def state_of(
    stage: Stage, http: httpx.AsyncClient, job: str, state: str, *, within: float = 15.0
) -> dict[str, Any]:
    async def reached() -> dict[str, Any]:
        found = await stage.gateway.read(http, job)
        assert found["state"] == state, found
        return found

    return await eventually_async(reached, within=within)


def lateness(stage: Stage, job: dict[str, Any]) -> float:
    """Return how long (s) after its moment the handler of a job began."""
    moment = datetime.fromisoformat(job["run_at"]).timestamp()
    wall = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    return stage.running(job["id"]).started + wall - moment


def resident(stage: Stage) -> int:
    """Return how many bytes of memory the worker's own process has."""
    pid = stage.house.service("worker").pid
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * 4096
