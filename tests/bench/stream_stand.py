"""What the races of the stream run on: a private Redis, notifiers and their peers as processes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from redis.asyncio import Redis

from deploy.local.ports import free_port
from deploy.local.redis import RedisNode
from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts import operations as ops
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from tests.bench.stand import _listens, cpu
from tests.bench.watchers import Watchers
from tests.eventually import eventually
from tests.notifier_process import ROOT, SECRET, token_for

TENANT = "acme"
LEASE_MS = 600_000
TOGETHER = 500  # operations at once


class Server:
    """One process that serves streams."""

    def __init__(self, name: str, pid: int, url: str) -> None:
        self.name, self.pid, self.url = name, pid, url

    def have_a_core(self) -> None:
        """Keep it on the first core: on its way from one to the other it would lose its caches."""
        os.sched_setaffinity(self.pid, {min(os.sched_getaffinity(0))})

    @property
    def cpu(self) -> float:
        """Processor time, user and system (s)."""
        return cpu(self.pid)

    @property
    def rss_kib(self) -> float:
        """Memory in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * 4.0


class Stand:
    """Starts what a race needs; all of it ends with the stand."""

    def __init__(self, folder: Path, hold: ExitStack) -> None:
        self._folder, self._hold = folder, hold
        self.redis = RedisNode(folder / "redis")
        hold.callback(self.redis.wipe)
        self.redis.start()

    def waymark(self) -> Server:
        """Start a real notifier with its usual settings."""
        port = free_port()
        more = {
            "WAYMARK_REDIS_URL": self.redis.url,
            "WAYMARK_NOTIFIER_PORT": str(port),
            "WAYMARK_TOKEN_SECRET": SECRET,
            "WAYMARK_LOG_LEVEL": "WARNING",
            "WAYMARK_DRAIN_SECONDS": "0",
        }
        pid = self._run(["services.notifier"], port, more)
        return Server("waymark", pid, f"ws://127.0.0.1:{port}/v1/stream")

    def plain(self, path: str = "stream") -> Server:
        """Start the peer."""
        port = free_port()
        words = ["uvicorn", "tests.bench.plain_stream:app", "--port", str(port)]
        quiet = ["--no-access-log", "--log-level", "error"]
        pid = self._run([*words, *quiet], port, {"PEER_REDIS_URL": self.redis.url})
        name = "poll a second" if path == "poll" else "starlette"
        return Server(name, pid, f"ws://127.0.0.1:{port}/v1/{path}")

    def watchers(self) -> Watchers:
        """Start a process of watchers."""
        crowd = Watchers()
        self._hold.callback(crowd.end)
        return crowd

    def _run(self, words: Sequence[str], port: int, more: dict[str, str]) -> int:
        env = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")} | more
        with (self._folder / f"{port}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *words], env=env, cwd=ROOT, stderr=log, stdout=log
            )
        self._hold.callback(process.wait)
        self._hold.callback(process.kill)
        eventually(lambda: _listens(port), within=30)
        return process.pid


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Build a stand and take it down."""
    with ExitStack() as hold:
        yield Stand(folder, hold)


def hello(job: str) -> str:
    """Return what a watcher of one job says first, as JSON."""
    return (
        f'{{"type":"hello","version":1,"token":"{token_for([job], ttl=3600)}",'
        f'"subscriptions":[{{"job":"{job}"}}]}}'
    )


class Jobs:
    """Jobs of one tenant, on record and running; told of by the store's own scripts."""

    def __init__(self, redis_url: str, count: int) -> None:
        self.ids = [str(uuid4()) for _ in range(count)]
        self._store = AsyncRedisStore(redis_url)
        self._tokens = {job: uuid4().hex for job in self.ids}
        self._records: dict[str, JobRecord] = {}
        self._number = 0

    async def submit(self) -> None:
        await self._all(self._submit)

    async def start(self) -> None:
        await self._all(self._claim)

    async def report(self, some: Sequence[str]) -> None:
        """Tell one progress of each, with the time (ns)."""
        self._number += 1
        await asyncio.gather(*(self._report(job) for job in some))

    async def turn(self, job: str) -> None:
        """Make the next transition of a job: it starts, or is handed back."""
        record = self._records.pop(job, None)
        if record is None:
            self._tokens[job] = uuid4().hex
            await self._claim(job)
            return
        await self._store.do(ops.Release(tenant=TENANT, job=job, token=self._tokens[job]))

    async def close(self) -> None:
        await self._store.close()

    async def _all(self, deed: Callable[[str], Awaitable[None]]) -> None:
        for first in range(0, len(self.ids), TOGETHER):
            await asyncio.gather(*(deed(job) for job in self.ids[first : first + TOGETHER]))

    async def _submit(self, job: str) -> None:
        await self._store.do(
            ops.Submit(
                tenant=TENANT, job=job, type="bench", type_version=1, queue="default", priority=5,
                payload="{}", max_attempts=6, labels={}, submitted_by="key:bench",
            )
        )  # fmt: skip

    async def _claim(self, job: str) -> None:
        record = await self._store.do(ops.Read(tenant=TENANT, job=job))
        assert record is not None
        answer = await self._store.do(
            ops.Claim(
                tenant=TENANT, message=RunJob.of(record), token=self._tokens[job], worker="w",
                lease=LEASE_MS,
            )
        )  # fmt: skip
        assert answer.verdict == "run", answer
        self._records[job] = record

    async def _report(self, job: str) -> None:
        told = f'{{"current":{self._number},"total":1000,"sent":{time.monotonic_ns()}}}'
        await self._store.do(
            ops.Progress(
                tenant=TENANT, job=job, token=self._tokens[job], number=self._number,
                progress=told,
            )
        )  # fmt: skip


class PlainJobs:
    """The same for the peers: PUBLISH of a frame as long as ours, and SET of what is polled."""

    def __init__(self, redis_url: str, ids: Sequence[str]) -> None:
        self.ids = ids
        self._redis = Redis.from_url(redis_url)
        self._number = 0

    async def report(self, some: Sequence[str]) -> None:
        self._number += 1
        pipe = self._redis.pipeline(transaction=False)
        for job in some:
            text = (
                f'{{"type":"progress","job":"{job}","epoch":"8b592835","seq":{self._number},'
                f'"revision":{self._number},"step":2,"progress":{{"current":{self._number},'
                f'"total":1000,"sent":{time.monotonic_ns()},'
                f'"updated_at":"2026-11-20T23:42:37.901Z"}}}}'
            )
            pipe.execute_command("SET", f"job:{job}", text)
            pipe.execute_command("PUBLISH", f"job:{job}", text)
        await pipe.execute()

    async def turn(self, job: str) -> None:
        self._number += 1
        await self._redis.publish(
            f"job:{job}",
            f'{{"type":"transition","job":"{job}","epoch":"8b592835","seq":{self._number},'
            f'"revision":{self._number},"step":{self._number},"state":"running",'
            f'"at":"2026-11-20T23:42:37.901Z","attempt":{self._number}}}',
        )

    async def close(self) -> None:
        await self._redis.aclose()
