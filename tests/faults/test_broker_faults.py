"""Q1-Q12: RabbitMQ dies, freezes, forgets, repeats itself and carries rubbish."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.eventually import eventually, eventually_async
from tests.faults.mailman import copies, publish
from tests.faults.stage import BOTH_WORKERS, Stage
from tests.faults.test_gateway_faults import honest, knock, policy, until_accepted
from tests.faults.test_store_faults import load

pytestmark = pytest.mark.slow

CONSUMER_TIMEOUT_MS = 3_000


async def test_q1_rabbitmq_is_killed_under_load_and_every_confirmed_job_ends(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    long = await stage.submit_many(http, 3, seconds=8)
    stage.rabbitmq.sync()
    async with load(http, every=0.05) as accepted:
        await asyncio.sleep(2)
        await asyncio.to_thread(stage.rabbitmq.kill)
        await asyncio.sleep(1)
        await asyncio.to_thread(stage.rabbitmq.start)
        await asyncio.sleep(3)

    assert len(accepted) > 20
    assert await stage.verdict(http, [*long, *accepted], within=90) == []


async def test_q2_a_graceful_restart_fails_no_submit_that_is_repeated_for_15_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    restarting = asyncio.create_task(asyncio.to_thread(_restart, stage))
    jobs, n = [], 0
    while not restarting.done():
        jobs.append(await until_accepted(http, within=90, key=f"restart-{n}"))
        n += 1
    back = await restarting

    assert time.monotonic() - back < 15
    assert await stage.verdict(http, jobs, within=90) == []


async def test_q3_a_broker_frozen_for_30_s_ends_nothing_twice(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    running = await stage.submit_many(http, 4, seconds=5)
    flaky = await stage.submit_many(http, 2, seconds=5, fail_times=1)
    waiting = await stage.submit_many(http, 20, seconds=0.2)
    for job in running:
        await stage.run_of(job)
    stage.rabbitmq.freeze()
    began = time.monotonic()
    refused = list(await asyncio.gather(*(knock(http, key=f"frozen-{n}") for n in range(3))))
    ended = await stage.gateway.settle(http, running, within=25)  # what runs needs no broker
    await asyncio.sleep(max(0.0, began + 30 - time.monotonic()))
    stage.rabbitmq.thaw()

    assert honest(refused) == []
    assert {job["state"] for job in ended.values()} == {"succeeded"}
    again = [await until_accepted(http, within=45, key=f"frozen-{n}") for n in range(3)]
    jobs = [*running, *flaky, *waiting, *again]
    assert await stage.verdict(http, jobs, within=90) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in [*running, *waiting, *again])


async def test_q3_both_stores_away_for_10_s_charge_no_healthy_job(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 4, seconds=14)
    for job in jobs:
        await stage.run_of(job)
    stage.rabbitmq.freeze()
    stage.redis.freeze()
    await asyncio.sleep(10)
    stage.redis.thaw()
    stage.rabbitmq.thaw()

    assert await stage.verdict(http, jobs, within=60) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_q5_a_wiped_rabbitmq_gets_every_unfinished_job_again_within_90_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    running = await stage.submit_many(http, 6, seconds=4)
    for job in running:
        await stage.run_of(job)
    waiting = await stage.submit_many(http, 10, seconds=0.1)
    later = await stage.gateway.submit(
        http, {"type": "witness.act", "payload": {}, "delay_seconds": 15}, key="wiped"
    )
    stage.rabbitmq.wipe()
    stage.rabbitmq.start()
    jobs = [*running, *waiting, later["id"]]
    try:
        found = await stage.verdict(http, jobs, within=90)
    finally:
        for job in jobs:
            await http.post(f"/v1/jobs/{job}/cancel", json={})

    assert found == []


async def test_q6_every_message_five_times_in_any_order_runs_every_job_once(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    for name in BOTH_WORKERS:
        stage.house.service(name).kill()
    jobs = await stage.submit_many(http, 30, seconds=0.1)
    waiting = await asyncio.to_thread(_messages, stage, len(jobs))
    repeats = waiting * 4
    random.Random(5).shuffle(repeats)
    publish(stage.rabbitmq.url, repeats)
    stage.heal()

    assert await stage.verdict(http, jobs, within=60) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_q7_messages_of_older_dispatches_change_nothing(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    for name in BOTH_WORKERS:
        stage.house.service(name).kill()
    job = await stage.submit(http, seconds=1, fail_times=2)
    stale = await asyncio.to_thread(_messages, stage, 1)
    stage.heal()
    for n in range(1, 4):
        await asyncio.to_thread(eventually, lambda n=n: len(stage.witness.runs(job)) == n, 20.0)
        publish(stage.rabbitmq.url, stale * 3)
    await stage.gateway.settle(http, [job], within=20)
    publish(stage.rabbitmq.url, stale * 3)

    assert await stage.verdict(http, [job]) == []
    assert [run.attempt for run in stage.witness.runs(job)] == [1, 2, 3]


def rubbish(genuine: bytes) -> list[bytes]:
    """Return messages that nobody can decode, some of them made of a good one."""
    other_schema = json.loads(genuine)
    other_schema["options"]["schema"] = 99
    extra_key = json.loads(genuine) | {"surprise": 1}
    return [
        b"",
        b"\x80\x04\x95not json",
        genuine[: len(genuine) // 2],
        b'"' + b"x" * 1024 * 1024 + b'"',
        json.dumps(other_schema).encode(),
        json.dumps(extra_key).encode(),
    ]


async def test_q8_rubbish_is_put_away_and_20_other_jobs_do_not_notice(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    for name in BOTH_WORKERS:
        stage.house.service(name).kill()
    jobs = [await stage.submit(http)]
    genuine = (await asyncio.to_thread(_messages, stage, 1))[0]
    stage.heal()
    alive = [stage.house.service(name).pid for name in BOTH_WORKERS]
    publish(stage.rabbitmq.url, rubbish(genuine))
    jobs += await stage.submit_many(http, 20)

    assert await stage.verdict(http, jobs) == []
    assert [stage.house.service(name).pid for name in BOTH_WORKERS] == alive
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_q10_retries_that_the_ladder_refuses_are_not_lost(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    with policy(stage, r"^waymark\.delay\.", {"max-length": 1}):  # most of them are refused
        jobs = await stage.submit_many(http, 12, seconds=0.1, fail_times=2)
        found = await stage.verdict(http, jobs, within=90)

    assert found == []
    for job in jobs:
        assert [run.attempt for run in stage.witness.runs(job)] == [1, 2, 3]


async def test_q11_no_dead_letter_is_lost_while_their_queue_is_gone(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    stage.rabbitmq.ctl("delete_queue", "waymark.dead")
    jobs = await stage.submit_many(http, 5, refuse=True)
    await stage.gateway.settle(http, jobs, within=30)
    await asyncio.to_thread(stage.house.service("gateway").restart)  # it declares what is missing

    await eventually_async(lambda: _has_dead_queue(stage), within=30)
    assert await stage.verdict(http, jobs, within=90) == []
    for job in jobs:
        record = await stage.gateway.read(http, job)
        assert record["dead_letter"]["reason"] == "not_retryable"


async def test_q11_a_deleted_dead_letter_queue_is_declared_again_within_20_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    stage.rabbitmq.ctl("delete_queue", "waymark.dead")
    try:
        await eventually_async(lambda: _has_dead_queue(stage), within=20)
    finally:
        await asyncio.to_thread(stage.house.service("gateway").restart)


async def test_q12_a_job_ten_times_longer_than_the_consumer_timeout_runs_once(
    new_stage: Callable[..., Stage],
) -> None:
    stage = new_stage(WAYMARK_CONSUMER_TIMEOUT_SECONDS=str(CONSUMER_TIMEOUT_MS / 1000))
    for setting, value in (
        ("consumer_timeout", CONSUMER_TIMEOUT_MS),
        ("channel_tick_interval", 1_000),
    ):
        stage.rabbitmq.ctl("eval", f"application:set_env(rabbit, {setting}, {value}).")
    stage.house.service("worker").restart()  # channels remember what was set when they opened
    async with stage.client() as http:
        job = await stage.submit(http, seconds=10 * CONSUMER_TIMEOUT_MS / 1000)
        others = await stage.submit_many(http, 5, seconds=1)

        assert await stage.verdict(http, [job, *others], within=90) == []
    assert [run.ended for run in stage.witness.runs(job)] == [True]
    assert all(len(stage.witness.runs(other)) == 1 for other in others)
    warned, *taken_back = _told_of_consumer_timeout(stage)
    assert warned["consumer_timeout_seconds"] == CONSUMER_TIMEOUT_MS / 1000
    assert taken_back, "the broker took nothing back: this proves nothing"
    for told in taken_back:
        assert "timed out" in told["broker_says"]
        assert "consumer_timeout" in told["remedy"]
    assert any(job in told["jobs"] for told in taken_back)


async def test_q12_a_house_on_a_broker_of_its_own_has_nothing_to_warn_of(stage: Stage) -> None:
    log = stage.house.service("worker").log_text()

    assert "consumer_connected" in log
    assert "consumer_timeout_short" not in log


def _told_of_consumer_timeout(stage: Stage) -> list[dict[str, Any]]:
    """Return what the last worker process has logged of it: a warning at its start, then errors."""
    text = stage.house.service("worker").log_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    names = ("consumer_timeout_short", "deliveries_taken_back")
    told = [line for line in lines if line.get("event") in names]
    starts = [n for n, line in enumerate(told) if line["event"] == names[0]]
    return told[starts[-1] :]


def _restart(stage: Stage) -> float:
    """Return when it was back."""
    stage.rabbitmq.stop()
    stage.rabbitmq.start()
    return time.monotonic()


def _messages(stage: Stage, count: int) -> list[bytes]:
    """Return what waits in the work queue, once it is all there."""

    def all_there() -> list[bytes]:
        found = copies(stage.rabbitmq.url)
        assert len(found) == count, f"{len(found)} messages, not {count}"
        return found

    return eventually(all_there, within=20)


async def _has_dead_queue(stage: Stage) -> bool:
    return "waymark.dead" in await asyncio.to_thread(stage.queues)
