"""R1-R9: Redis dies, freezes, forgets, fills up. What was accepted ends all the same.

R4 and R6, a store that is not the one it should be, are in test_store_strangers.py.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local.redis import command
from tests.eventually import eventually
from tests.faults.stage import Stage
from tests.faults.test_gateway_faults import honest, knock, until_accepted

pytestmark = pytest.mark.slow

LEASE_SECONDS = 15.0
SMALL_DISK = "12m"


@asynccontextmanager
async def load(http: httpx.AsyncClient, *, every: float) -> AsyncIterator[list[str]]:
    """Submit while the context is open; the list fills with what was answered with 202."""
    accepted: list[str] = []

    async def submit_for_ever() -> None:
        while True:
            try:
                answer, _ = await knock(http, seconds=0.05)
            except httpx.TransportError:
                continue
            if answer.status_code == 202:
                accepted.append(answer.json()["id"])
            await asyncio.sleep(every)

    loading = asyncio.create_task(submit_for_ever())
    try:
        yield accepted
    finally:
        loading.cancel()
        await asyncio.wait({loading})


def configure(stage: Stage, setting: str, value: str) -> None:
    assert command(stage.redis.port, f"CONFIG SET {setting} {value}") == "+OK"


async def test_r1_redis_is_killed_three_times_under_load_and_no_accepted_job_is_lost(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    long = await stage.submit_many(http, 3, seconds=6)
    async with load(http, every=0.05) as accepted:
        for _ in range(3):
            await asyncio.sleep(1)
            stage.redis.kill()
            stage.redis.start()
        await asyncio.sleep(1)

    assert len(accepted) > 20
    assert await stage.verdict(http, [*long, *accepted], within=90) == []


async def test_r1_redis_frozen_for_5_s_charges_no_healthy_job(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 6, seconds=8)
    for job in jobs:
        await stage.run_of(job)
    stage.redis.freeze()
    await asyncio.sleep(5)
    stage.redis.thaw()

    assert await stage.verdict(http, jobs) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_w8_redis_frozen_for_40_s_freezes_what_runs_and_charges_nobody(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    ending = await stage.submit_many(http, 2, seconds=3)  # they end while nobody can be told
    jobs = await stage.submit_many(http, 3, seconds=20)
    for job in [*ending, *jobs]:
        await stage.run_of(job)
    began = time.monotonic()
    stage.redis.freeze()
    await asyncio.sleep(40)
    stage.redis.thaw()

    assert await stage.verdict(http, [*ending, *jobs], within=90) == []
    for job in [*ending, *jobs]:
        assert [run.ended for run in stage.witness.runs(job)] == [True]
        assert (await stage.gateway.read(http, job))["attempt"] == 1
    for job in jobs:
        ticks = [line["at"] - began for line in stage.witness.lines() if line["job"] == job]
        assert not [at for at in ticks if LEASE_SECONDS < at < 40]


async def test_r3_a_flushed_redis_rebuilds_every_unfinished_job_from_its_message(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    running = await stage.submit_many(http, 6, seconds=6)
    for job in running:
        await stage.run_of(job)
    waiting = await stage.submit_many(http, 20, seconds=0.1)
    delayed = await stage.gateway.submit(
        http, {"type": "witness.act", "payload": {}, "delay_seconds": 8}, key="flushed"
    )
    stage.redis.flush()
    jobs = [*running, *waiting, delayed["id"]]

    assert await stage.verdict(http, jobs, within=90, forgetful=True) == []


async def test_r3_redis_killed_and_wiped_comes_back_and_no_unfinished_job_is_lost(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    running = await stage.submit_many(http, 6, seconds=6)
    for job in running:
        await stage.run_of(job)
    waiting = await stage.submit_many(http, 20, seconds=0.1)
    stage.redis.wipe()
    stage.redis.start()

    assert await stage.verdict(http, [*running, *waiting], within=90, forgetful=True) == []
    assert await until_accepted(http, within=20)


async def test_r2_redis_put_back_by_3_s_loses_no_job_and_overlaps_none(
    stage: Stage, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    long = await stage.submit_many(http, 3, seconds=10)
    for job in long:
        await stage.run_of(job)
    retrying = await stage.submit_many(http, 4, seconds=0.3, fail_times=3)
    data, copied = stage.redis.folder / "data", tmp_path / "data"
    async with load(http, every=0.1) as accepted:
        await asyncio.sleep(1)
        shutil.copytree(data, copied)
        known = set(accepted)
        await asyncio.sleep(3)
        stage.redis.kill()
        done = {run.job for run in stage.witness.runs() if run.ended}
        shutil.rmtree(data)
        shutil.copytree(copied, data)
        stage.redis.start()
        await asyncio.sleep(1)

    # What began and ended within the lost 3 s is nowhere any more: neither store has it, and
    # nothing of it is left to do. What only ended in them is recalled with its message acked.
    forgotten = done - known - {*long, *retrying}
    jobs = [job for job in [*long, *retrying, *accepted] if job not in forgotten]
    assert known & set(jobs)
    assert await stage.verdict(http, jobs, within=150, forgetful=True) == []


async def test_r5_with_its_memory_full_submits_are_503_and_what_runs_ends(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 6, seconds=2, fail_times=1)
    for job in jobs:
        await stage.run_of(job)
    configure(stage, "maxmemory", "1")
    try:
        answers = list(await asyncio.gather(*(knock(http, key=f"oom-{n}") for n in range(5))))
        assert honest(answers) == []
        ended = await stage.gateway.settle(http, jobs, within=30)
    finally:
        configure(stage, "maxmemory", "0")

    assert {job["state"] for job in ended.values()} == {"succeeded"}
    again = [await until_accepted(http, within=10, key=f"oom-{n}") for n in range(5)]
    assert await stage.verdict(http, [*jobs, *again]) == []


@pytest.fixture
def small_disk(new_stage: Callable[..., Stage]) -> Iterator[tuple[Stage, Path]]:
    """A stage whose Redis writes to a disk of 12 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounts a small disk: needs root")
    stage = new_stage()
    data = stage.redis.folder / "data"
    stage.redis.kill()
    shutil.rmtree(data)
    data.mkdir()
    with _mounted(data):
        stage.heal()
        yield stage, data
        stage.house.kill()


async def test_r7_a_full_disk_is_503_and_unready_within_5_s_and_work_goes_on_once_there_is_room(
    small_disk: tuple[Stage, Path],
) -> None:
    stage, data = small_disk
    async with stage.client() as http:
        jobs = await stage.submit_many(http, 5, seconds=4)
        for job in jobs:
            await stage.run_of(job)
        ballast = data / "ballast"
        _fill(ballast)
        gateway = stage.house.service("gateway")
        await asyncio.to_thread(_provoke, stage, lambda: not gateway.is_ready)
        refused, took = await knock(http, key="no-room")
        assert refused.status_code == 503
        assert took < 3.5
        await asyncio.sleep(3)
        ballast.unlink()
        again = await until_accepted(http, within=20, key="no-room")

        assert await stage.verdict(http, [*jobs, again], within=60) == []


async def test_r8_a_store_that_pauses_for_3_s_again_and_again_loses_nothing(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    async with load(http, every=0.05) as accepted:
        for _ in range(2):
            command(stage.redis.port, "CLIENT PAUSE 3000 ALL")
            await asyncio.sleep(4)
    jobs = list(accepted)

    assert len(jobs) > 10
    assert await stage.verdict(http, jobs, within=60) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in jobs)


async def test_r9_scripts_that_are_flushed_away_are_loaded_again_unnoticed(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = []
    for _ in range(5):
        command(stage.redis.port, "SCRIPT FLUSH")
        answers = await asyncio.gather(*(knock(http, fail_times=1) for _ in range(5)))
        assert {answer.status_code for answer, _ in answers} == {202}
        jobs += [answer.json()["id"] for answer, _ in answers]

    assert await stage.verdict(http, jobs) == []


async def test_r9_a_store_that_turns_read_only_is_503_and_comes_back(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    before = await stage.submit_many(http, 6, seconds=3)
    port = stage.redis.port
    assert command(port, f"REPLICAOF 127.0.0.1 {port}") == "+OK"  # of itself: it never syncs
    try:
        answers = list(await asyncio.gather(*(knock(http, key=f"ro-{n}") for n in range(3))))
        assert honest(answers) == []
    finally:
        assert command(port, "REPLICAOF NO ONE") == "+OK"
    again = [await until_accepted(http, within=20, key=f"ro-{n}") for n in range(3)]

    assert await stage.verdict(http, [*before, *again], within=60) == []


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            return


def _provoke(stage: Stage, fact: Callable[[], bool]) -> None:
    """Make Redis write until it notices that its disk is full."""

    def look() -> bool:
        command(stage.redis.port, f"SET ballast {'x' * 5000}")
        return fact()

    eventually(look, within=10.0)
