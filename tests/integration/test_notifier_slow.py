"""A client that reads too slowly: what it gets in the end, what it costs, and whom it harms."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts import operations as ops
from tests.eventually import eventually, eventually_async
from tests.fakes.stream import Client
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for
from tests.websocket_client import WebSocket, open_websocket

JOBS = 10
PADDING = "x" * 2_000


@pytest.fixture
def notifier(redis_url: str, tmp_path: Path) -> Iterator[NotifierProcess]:
    it = NotifierProcess(redis_url, tmp_path / "log")
    it.start()
    yield it
    assert it.stop() == 0


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


class Watcher:
    """Follows all jobs over one socket, and counts what it hears of each."""

    def __init__(self, jobs: list[MovingJob]) -> None:
        self.clients = {job.id: Client() for job in jobs}
        self.progress = 0
        self.socket: WebSocket

    async def leave(self) -> None:
        self.socket.vanish()
        await asyncio.wait({self.socket.ended}, timeout=5)

    async def connect(self, notifier: NotifierProcess, receive_buffer: int | None) -> "Watcher":
        self.socket = await open_websocket(notifier.url, self._hear, receive_buffer=receive_buffer)
        subscriptions = [{"job": job} for job in self.clients]
        hello = {"type": "hello", "version": 1, "token": token_for(self.clients)}
        self.socket.say(json.dumps(hello | {"subscriptions": subscriptions}).encode())
        await self.comes_to(lambda: all(client.live for client in self.clients.values()))
        return self

    async def comes_to(self, fact: Any, within: float = 10.0) -> None:
        async def ask() -> bool:
            return bool(fact())

        await eventually_async(ask, within)

    @property
    def revisions(self) -> list[int]:
        return [client.revision for client in self.clients.values()]

    @property
    def breaches(self) -> list[str]:
        return [breach for client in self.clients.values() for breach in client.breaches]

    def _hear(self, text: bytes) -> None:
        message = json.loads(text)
        self.progress += message["type"] == "progress"
        if "job" in message:
            self.clients[message["job"]].gets(message)


async def work(store: AsyncRedisStore, jobs: list[MovingJob], rounds: int) -> None:
    """Each round starts every job, reports much of it for a while, and fails it once."""
    number = 0
    for _ in range(rounds):
        await asyncio.gather(*(job.start() for job in jobs))
        for _ in range(12):
            number += 1
            told = f'{{"current":{number},"message":"{PADDING}"}}'
            await asyncio.gather(
                *(
                    store.do(
                        ops.Progress(
                            tenant="acme", job=job.id, token=job._token, number=number,
                            progress=told,
                        )
                    )
                    for job in jobs
                ),
                asyncio.sleep(0.1),
            )  # fmt: skip
        await asyncio.gather(*(job.fail_once() for job in jobs))


def counted(notifier: NotifierProcess, name: str) -> float:
    _, text = notifier.answer("/metrics")
    (line,) = [one for one in text.splitlines() if one.startswith(f"waymark_notifier_{name} ")]
    return float(line.split()[-1])


async def test_who_fell_behind_gets_every_step_and_of_progress_the_latest(
    notifier: NotifierProcess, store: AsyncRedisStore
) -> None:
    jobs = [MovingJob(store) for _ in range(JOBS)]
    await asyncio.gather(*(job.submit() for job in jobs))
    quick = await Watcher(jobs).connect(notifier, None)
    slow = await Watcher(jobs).connect(notifier, 4096)

    slow.socket.stall()
    await work(store, jobs, 3)
    truth = [(await job.record()).revision for job in jobs]
    conflated = 'conflated_total{by="connection"}'
    waits = counted(notifier, "waiting_bytes")
    slow.socket.go_on()
    await quick.comes_to(lambda: quick.revisions == truth)
    await slow.comes_to(lambda: slow.revisions == truth)
    was_closed = slow.socket.ended.done()
    eventually(lambda: counted(notifier, "slow_connections") == 0)
    spared = counted(notifier, conflated)
    await slow.leave()
    await quick.leave()

    assert quick.breaches == slow.breaches == []
    assert [client.history for client in slow.clients.values()] == [
        client.history for client in quick.clients.values()
    ]
    assert slow.progress < quick.progress * 0.7
    assert 0 < waits < 256 * 1024, "at most one progress a job, and the steps"
    assert spared == quick.progress - slow.progress
    assert not was_closed


async def test_large_snapshots_wait_for_a_slow_reader_instead_of_closing_it(
    notifier: NotifierProcess, store: AsyncRedisStore
) -> None:
    jobs = [MovingJob(store) for _ in range(40)]
    for job in jobs:
        await job.submit()
        await job.start()
        await job.succeed(json.dumps("y" * 200_000))
    watcher = Watcher(jobs)

    connecting = asyncio.create_task(watcher.connect(notifier, 4096))
    eventually_seen = 0.0
    while not connecting.done():
        eventually_seen = max(eventually_seen, counted(notifier, "waiting_bytes"))
        await asyncio.sleep(0.02)
    await connecting
    await watcher.leave()

    assert watcher.breaches == []
    assert [client.snapshots for client in watcher.clients.values()] == [1] * len(jobs)
    assert 0 < eventually_seen < 1024 * 1024
