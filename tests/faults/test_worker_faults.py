"""W1-W12: slots and workers die, freeze, swell and linger; the numbers stand in the names."""

import asyncio
import os
import signal
import time
from collections import Counter

import httpx
import pytest

from tests.eventually import eventually
from tests.faults.stage import BOTH_WORKERS, Stage
from tests.faults.witness import Run

RECOVERY_SECONDS = 20.0
LEASE_SECONDS = 15.0
DRAIN_SECONDS = 5.0  # what the stage's workers are told


async def test_w1_a_killed_slot_costs_one_attempt_and_its_job_runs_again_within_2_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 4, seconds=1.5)
    first = [await stage.run_of(job) for job in jobs]
    gaps = []
    for run in first:
        os.kill(run.pid, signal.SIGKILL)
        again = await stage.run_of(run.job, after=run.last + 0.001)
        gaps.append(again.started - run.last)

    assert await stage.verdict(http, jobs) == []
    assert max(gaps) < 2.0, gaps
    for job in jobs:
        outcomes = [a["outcome"] for a in (await stage.gateway.read(http, job))["attempts"]]
        assert outcomes == ["crashed", "succeeded"]


@pytest.mark.slow
async def test_w1_jobs_of_a_killed_worker_run_again_with_p99_within_20_s_and_are_not_charged(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 6, seconds=6)
    runs = [await stage.run_of(job) for job in jobs]
    orphans = [run for run in runs if stage.worker_of(run) == "worker"]
    killed = time.monotonic()
    stage.house.service("worker").kill()
    waits = [(await _again(stage, run)).started - killed for run in orphans]
    stage.heal()

    assert orphans
    assert max(waits) < RECOVERY_SECONDS, waits
    assert await stage.verdict(http, jobs) == []
    for run in orphans:
        job = await stage.gateway.read(http, run.job)
        assert [a["outcome"] for a in job["attempts"]] == ["worker_lost", "succeeded"]
        assert job["attempt"] == 1


@pytest.mark.slow
async def test_w1_the_whole_process_group_of_a_worker_dies_and_nothing_is_lost(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 4, seconds=3)
    runs = [await stage.run_of(job) for job in jobs]
    victim = stage.worker_of(runs[0])
    for run in runs:
        if stage.worker_of(run) == victim:
            os.kill(run.pid, signal.SIGKILL)
    pid = stage.house.service(victim).pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    stage.house.service(victim).kill()
    stage.heal()

    assert await stage.verdict(http, jobs) == []


@pytest.mark.slow
async def test_w1_a_killed_zygote_charges_nobody_and_its_jobs_run_again_within_20_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 4, seconds=3)
    runs = [await stage.run_of(job) for job in jobs]
    zygote = _parent(runs[0])
    orphans = [run for run in runs if _parent(run) == zygote]
    killed = time.monotonic()
    os.kill(zygote, signal.SIGKILL)
    waits = [(await _again(stage, run)).started - killed for run in orphans]
    stage.heal()

    assert max(waits) < RECOVERY_SECONDS, waits
    assert await stage.verdict(http, jobs) == []
    for run in orphans:
        assert (await stage.gateway.read(http, run.job))["attempt"] == 1


@pytest.mark.slow
async def test_w2_a_worker_frozen_for_twice_its_lease_never_runs_beside_its_successor(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 3, seconds=25)  # the other worker has slots for all
    runs = [await stage.run_of(job) for job in jobs]
    victim = stage.worker_of(runs[0])
    frozen = [run for run in runs if stage.worker_of(run) == victim]
    began = time.monotonic()
    stage.house.service(victim).freeze()
    again = [await _again(stage, run) for run in frozen]
    await asyncio.sleep(max(0.0, began + 2 * LEASE_SECONDS - time.monotonic()))
    stage.house.service(victim).thaw()

    waits = [run.started - began for run in again]
    assert max(waits) < RECOVERY_SECONDS, waits
    assert await stage.verdict(http, jobs, within=90) == []
    for run in frozen:
        stood_still = next(r for r in stage.witness.runs(run.job) if r.run == run.run)
        assert stood_still.last - began < LEASE_SECONDS - 1
        assert not stood_still.ended


@pytest.mark.slow
async def test_w2_what_a_frozen_worker_holds_unstarted_runs_elsewhere_within_20_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    stage.house.service("worker").freeze()
    began = time.monotonic()
    jobs = await stage.submit_many(http, 6)  # the broker sees no difference: half are sent to it
    waits = [(await stage.run_of(job, within=45)).started - began for job in jobs]
    stage.house.service("worker").thaw()

    assert max(waits) > 2, "it held none of them: this proves nothing"
    assert max(waits) < RECOVERY_SECONDS, waits
    assert await stage.verdict(http, jobs) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


@pytest.mark.slow
async def test_w2_a_worker_frozen_for_5_s_loses_nothing_and_is_not_charged(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 4, seconds=8)
    for job in jobs:
        await stage.run_of(job)
    for name in BOTH_WORKERS:
        stage.house.service(name).freeze()
    await asyncio.sleep(5)
    for name in BOTH_WORKERS:
        stage.house.service(name).thaw()

    assert await stage.verdict(http, jobs) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_w2_a_frozen_slot_holds_up_nobody_else_and_its_job_ends_once_thawed(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    stuck = await stage.submit(http, seconds=1)
    run = await stage.run_of(stuck)
    os.kill(run.pid, signal.SIGSTOP)
    others = await stage.submit_many(http, 12, seconds=0.1)

    assert await stage.gateway.settle(http, others, within=10)
    os.kill(run.pid, signal.SIGCONT)
    assert await stage.verdict(http, [stuck, *others]) == []


async def test_w4_a_poison_job_stops_after_two_crashes_and_20_innocents_do_not_pay(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    innocent = await stage.submit_many(http, 20, seconds=0.3)
    poison = await stage.submit(http, crash_times=99)

    assert await stage.verdict(http, [poison, *innocent]) == []
    job = await stage.gateway.read(http, poison)
    assert (job["state"], job["dead_letter"]["reason"]) == ("failed", "poison")
    assert len(stage.witness.runs(poison)) == 2
    for each in innocent:
        assert len(stage.witness.runs(each)) == 1


async def test_w3_a_slot_killed_for_its_memory_dies_alone_and_is_called_crashed(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    fat = await stage.submit(http, seconds=2, allocate_mb=64)
    slim = await stage.submit_many(http, 4, seconds=2)
    run = await stage.run_of(fat)
    await asyncio.sleep(0.3)
    os.kill(run.pid, signal.SIGKILL)  # what the kernel does when memory has run out

    assert await stage.verdict(http, [fat, *slim]) == []
    first = (await stage.gateway.read(http, fat))["attempts"][0]
    assert first["outcome"] == "crashed"
    assert all(len(stage.witness.runs(job)) == 1 for job in slim)


async def test_w5_a_hard_limit_kills_within_1_s_and_the_slot_is_back_within_2_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    ways = ["loop", "sleep", "long division", "family"]
    jobs = {how: await stage.submit(http, "witness.stuck", how=how) for how in ways}

    assert await stage.verdict(http, jobs.values()) == []
    late = {}
    for how, job in jobs.items():
        record = await stage.gateway.read(http, job)
        assert record["error"]["code"] == "time_limit_exceeded", record
        began = stage.running(job).started
        late[how] = max(stage.running(job).last, *stage.witness.ghosts(job), 0.0) - began - 1.0
    assert max(late.values()) < 1.0, late
    fresh = await stage.submit_many(http, 6, seconds=0.1)
    assert await stage.gateway.settle(http, fresh, within=2 + 1)


@pytest.mark.slow
async def test_w9_a_deploy_hands_back_what_runs_without_charging_and_without_a_dead_lease(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    short = await stage.submit_many(http, 3, seconds=2)
    long = await stage.submit_many(http, 3, seconds=12)
    waiting = await stage.submit_many(http, 10, seconds=0.2)
    for job in [*short, *long]:
        await stage.run_of(job)
    told = time.monotonic()
    went = await asyncio.gather(
        *(asyncio.to_thread(stage.house.service(name).stop, 30) for name in BOTH_WORKERS)
    )
    took = time.monotonic() - told
    await asyncio.to_thread(stage.heal)

    assert await stage.verdict(http, [*short, *long, *waiting]) == []
    assert went == [True, True]
    assert took < DRAIN_SECONDS + 3
    for job in [*short, *long, *waiting]:
        assert (await stage.gateway.read(http, job))["attempt"] == 1
    assert all(len(stage.witness.runs(job)) == 1 for job in short)


async def test_w10_cancels_at_every_moment_end_in_exactly_one_way(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 24, seconds=0.4)

    async def cancel(job: str, after: float) -> int:
        await asyncio.sleep(after)
        return (await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 1})).status_code

    codes = await asyncio.gather(*(cancel(job, n * 0.1) for n, job in enumerate(jobs)))

    assert set(codes) <= {200, 202, 409}
    assert await stage.verdict(http, jobs) == []
    states = {job: (await stage.gateway.read(http, job))["state"] for job in jobs}
    assert set(states.values()) <= {"cancelled", "succeeded"}
    for job, code in zip(jobs, codes, strict=True):
        if code == 409:
            assert states[job] == "succeeded"
        if code == 200:
            assert states[job] == "cancelled"


async def test_w10_a_cancel_of_a_deaf_job_kills_it_within_its_grace_and_1_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    job = await stage.submit(http, "witness.deaf", seconds=30)
    await stage.run_of(job)
    asked = time.monotonic()
    answer = await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 2})

    assert answer.status_code == 202
    assert await stage.verdict(http, [job]) == []
    assert stage.running(job).last - asked < 2 + 1


@pytest.mark.slow
async def test_w11_workers_with_200_jobs_before_them_hold_no_more_than_their_prefetch(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 200, seconds=0)
    held = stage.rabbitmq.ctl("list_queues", "--no-table-headers", "messages_unacknowledged")

    assert (
        sum(int(count) for count in held.split() if count.isdecimal()) <= 2 * 3 * 3
    )  # workers, slots, classes
    assert await stage.verdict(http, jobs, within=60) == []
    ran = Counter(run.job for run in stage.witness.runs())
    assert {ran[job] for job in jobs} == {1}


def _parent(run: Run) -> int:
    with open(f"/proc/{run.pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
        return int(stat.read().rpartition(")")[2].split()[1])


async def _again(stage: Stage, run: Run) -> Run:
    def next_run() -> Run | None:
        return next((r for r in stage.witness.runs(run.job) if r.started > run.started), None)

    found = await asyncio.to_thread(eventually, next_run, RECOVERY_SECONDS + 10)
    assert found is not None
    return found
