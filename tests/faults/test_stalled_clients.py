"""One client of a thousand that stops reading: the others must not notice, nor the memory."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.eventually import eventually_async
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for
from tests.websocket_client import WebSocket, open_websocket

pytestmark = pytest.mark.slow

WATCHERS, JOBS, SECONDS = 1_000, 20, 5.0
_TIME = b'"updated_at":"'


@pytest.fixture
def notifier(redis_url: str, tmp_path: Path) -> Iterator[NotifierProcess]:
    it = NotifierProcess(redis_url, tmp_path / "log")
    it.start()
    yield it
    it.kill()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


class Crowd:
    """Watchers of one job each, and how late every progress came to them (seconds)."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.live = 0
        self.sockets: list[WebSocket] = []

    async def gather(self, notifier: NotifierProcess, jobs: list[MovingJob], count: int) -> None:
        token = token_for([job.id for job in jobs])
        for number in range(count):
            await self.add(notifier, token, [jobs[number % len(jobs)]])
        await self.all_live(count)

    async def add(self, notifier: NotifierProcess, token: str, jobs: list[MovingJob]) -> WebSocket:
        opened = await open_websocket(notifier.url, self._hear, receive_buffer=8192)
        hello = {"type": "hello", "version": 1, "token": token}
        opened.say(
            json.dumps(hello | {"subscriptions": [{"job": job.id} for job in jobs]}).encode()
        )
        self.sockets.append(opened)
        return opened

    async def all_live(self, count: int) -> None:
        async def are_live() -> bool:
            return self.live >= count

        await eventually_async(are_live, within=30)

    async def leave(self) -> None:
        for one in self.sockets:
            one.vanish()
        await asyncio.wait({one.ended for one in self.sockets}, timeout=10)

    def p99(self) -> float:
        late, self.late = sorted(self.late), []
        return late[int(len(late) * 0.99)]

    def _hear(self, text: bytes) -> None:
        at = text.rfind(_TIME)
        if at > 0 and text.startswith(b'{"type":"progress"'):
            written = text[at + len(_TIME) : at + len(_TIME) + 24].decode()
            self.late.append(time.time() - datetime.fromisoformat(written).timestamp())
        elif text.startswith(b'{"type":"live"'):
            self.live += 1


async def report_for(jobs: list[MovingJob], seconds: float) -> None:
    """Report of every job about five times a second, each at a moment of its own."""

    async def one(job: MovingJob, after: float) -> None:
        await asyncio.sleep(after)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await job.report()
            await asyncio.sleep(0.2)

    await asyncio.gather(*(one(job, number / 100) for number, job in enumerate(jobs)))


def resident_kib(notifier: NotifierProcess) -> int:
    return int(Path(f"/proc/{notifier.pid}/statm").read_text().split()[1]) * 4


async def test_one_client_that_stops_reading_changes_nothing_for_a_thousand(
    notifier: NotifierProcess, store: AsyncRedisStore
) -> None:
    jobs = [MovingJob(store) for _ in range(JOBS)]
    for job in jobs:
        await job.submit()
        await job.start()
    crowd, staller = Crowd(), Crowd()
    await crowd.gather(notifier, jobs, WATCHERS)
    await report_for(jobs, SECONDS)
    without, before = crowd.p99(), resident_kib(notifier)

    token = token_for([job.id for job in jobs])
    stalled = await staller.add(notifier, token, jobs)
    await staller.all_live(JOBS)
    stalled.stall()
    await report_for(jobs, SECONDS)
    beside, after = crowd.p99(), resident_kib(notifier)
    _, metrics = await asyncio.to_thread(notifier.answer, "/metrics")
    await crowd.leave()
    await staller.leave()

    print(f"p99 {without * 1e3:.1f} ms, beside a stalled one {beside * 1e3:.1f} ms")
    print(f"resident {before} KiB, beside a stalled one {after} KiB")
    assert "waymark_notifier_slow_connections 1.0" in metrics
    assert beside < max(without * 1.2, without + 0.010), "a busy machine has its 10 ms"
    assert after - before < 2_048
