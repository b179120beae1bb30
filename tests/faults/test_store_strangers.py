"""R4, R6: a store that is not the one it should be: a lagging replica, one that evicts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis

from deploy.local.redis import RedisNode, command
from tests.e2e.outside import Watcher, flaws_of
from tests.eventually import eventually, eventually_async
from tests.faults.stage import BOTH_WORKERS, Stage
from tests.faults.test_gateway_faults import honest, knock, until_accepted
from tests.faults.test_store_faults import configure, load

pytestmark = pytest.mark.slow

DETECTED_SECONDS = 2.0


class Replica:
    """A second Redis that copies a stage's, can be cut off from it, and takes its place."""

    def __init__(self, folder: Path, primary: RedisNode) -> None:
        self.node = RedisNode(folder)
        self._primary = primary

    def follow(self) -> None:
        self.node.start()
        assert self._told(f"REPLICAOF 127.0.0.1 {self._primary.port}") == "+OK"
        eventually(lambda: self._link() == "up", within=15)

    def cut_off(self) -> None:
        """Let no later write reach it: it asks again with a name that nobody has."""
        assert self._told("CONFIG SET masteruser nobody masterauth nothing") == "+OK"
        command(self._primary.port, "CLIENT KILL TYPE replica")
        eventually(lambda: self._link() == "down", within=5)

    def take_over(self) -> None:
        """Kill the primary; this very process becomes one, at the primary's address."""
        self._primary.kill()
        assert self._told("REPLICAOF NO ONE") == "+OK"
        assert self._told(f"CONFIG SET port {self._primary.port}") == "+OK"

    def _told(self, line: str) -> str:
        return command(self.node.port, line)

    def _link(self) -> str:
        return field(self.node.port, "replication", "master_link_status")


@asynccontextmanager
async def watching(
    stage: Stage, http: httpx.AsyncClient, jobs: list[str]
) -> AsyncIterator[Watcher]:
    """A client of the stream that follows the jobs to their end, within 150 s."""
    watcher = Watcher(stage.house.stream_url, await stage.gateway.token(http, jobs), jobs)
    following = asyncio.create_task(watcher.run(within=150))
    try:
        yield watcher
        await following
    finally:
        following.cancel()


@pytest.fixture
def failing_over(
    new_stage: Callable[..., Stage], nodes_folder: Path
) -> Iterator[tuple[Stage, Replica]]:
    stage = new_stage(workers=2)
    replica = Replica(nodes_folder / "replica", stage.redis)
    try:
        yield stage, replica
    finally:
        stage.house.kill()
        replica.node.wipe()


async def test_r4_a_failover_to_a_lagging_replica_loses_no_job_and_tells_a_new_epoch(
    failing_over: tuple[Stage, Replica],
) -> None:
    stage, replica = failing_over
    async with stage.client() as http:
        await asyncio.to_thread(replica.follow)
        long = await stage.submit_many(http, 3, seconds=10)
        for job in long:
            await stage.run_of(job)
        retrying = await stage.submit_many(http, 4, seconds=0.3, fail_times=3)
        async with watching(stage, http, long) as watcher:
            await eventually_async(lambda: has_seen(watcher, step=2), within=10)
            old = {seen.epoch for seen in watcher.seen.values()}
            async with load(http, every=0.1) as accepted:
                await asyncio.sleep(1)
                known = set(accepted)
                await asyncio.to_thread(replica.cut_off)
                await asyncio.sleep(3)
                replica.take_over()
                assert command(stage.redis.port, f"EXISTS wm:{{dev}}:job:{accepted[-1]}") == ":0"
                done = {run.job for run in stage.witness.runs() if run.ended}
                began = time.monotonic()
                await eventually_async(lambda: has_another_epoch(http, long[0], old), within=10)
                detected = time.monotonic() - began
                await asyncio.sleep(1)

            # As in R2: what began and ended in the lost 3 s is nowhere any more.
            forgotten = done - known - {*long, *retrying}
            jobs = [job for job in [*long, *retrying, *accepted] if job not in forgotten]
            assert known & set(jobs)
            assert await stage.verdict(http, jobs, within=150, forgetful=True) == []
    new = {seen.epoch for seen in watcher.seen.values()}
    assert len(old) == len(new) == 1
    assert old != new
    assert [flaw for seen in watcher.seen.values() for flaw in flaws_of(seen)] == []
    assert all(len(stage.witness.runs(job)) == 1 for job in long)
    assert detected < DETECTED_SECONDS


async def has_seen(watcher: Watcher, *, step: int) -> bool:
    return all(seen.step >= step for seen in watcher.seen.values())


async def has_another_epoch(http: httpx.AsyncClient, job: str, old: set[str | None]) -> bool:
    """Tell whether the gateway already reads the job under another epoch than the old one."""
    answer = await http.get(f"/v1/jobs/{job}")
    return answer.status_code == 200 and answer.headers["etag"].strip('"').split("-")[0] not in old


def field(port: int, section: str, name: str) -> str:
    """Return one field of a Redis' INFO."""
    client = redis.Redis(port=port, socket_timeout=1)
    try:
        return str(client.info(section)[name])
    finally:
        client.close()


async def test_r6_with_a_store_that_evicts_nobody_is_ready_and_what_is_accepted_goes_on(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 6, seconds=3)
    configure(stage, "maxmemory-policy", "allkeys-lru")
    try:
        for name in ("gateway", *BOTH_WORKERS):
            service = stage.house.service(name)
            await asyncio.to_thread(eventually, lambda s=service: not s.is_ready, 5.0)
            said = (await http.get(f"{service.url}/ready")).json()["checks"]["eviction"]
            assert "CONFIG SET maxmemory-policy noeviction" in said
        answers = [await knock(http, key="evicting")]
        assert honest(answers) == []
        ended = await stage.gateway.settle(http, jobs, within=30)
    finally:
        configure(stage, "maxmemory-policy", "noeviction")

    assert {job["state"] for job in ended.values()} == {"succeeded"}
    again = await until_accepted(http, within=10, key="evicting")
    assert await stage.verdict(http, [*jobs, again]) == []
