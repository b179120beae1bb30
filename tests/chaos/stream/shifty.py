"""A Redis that is killed, frozen, cut off, and replaced by a replica that lagged.

What was truly written is read from it directly: when a history ends (a failover) and at last.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import redis

from deploy.local.ports import free_port
from deploy.local.redis import RedisNode, command
from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts.answers import Position
from shared.contracts.operations import Locate
from tests.chaos.stream.verdict import Book, Step
from tests.eventually import eventually


class _Frame(msgspec.Struct):
    at: str
    epoch: str
    seq: int


class ShiftyRedis:
    """One address; behind it one node after another. Its methods block: call them in a thread."""

    def __init__(self, folder: Path, jobs: Mapping[str, str]) -> None:
        """`jobs`: the tenant of each job whose steps belong to the truth."""
        self._folder, self._jobs = folder, jobs
        self.node = RedisNode(self._new_folder())
        self.port = self.node.port
        self.url = self.node.url
        self._replica: RedisNode | None = None
        self._epochs: dict[str, list[str]] = {tenant: [] for tenant in set(jobs.values())}
        self._books: dict[str, list[Book]] = {tenant: [] for tenant in set(jobs.values())}

    def start(self) -> None:
        self.node.start()

    def note_epoch(self) -> None:
        """Learn the names of the epochs that have begun."""
        for tenant, position in asyncio.run(self._look()).items():
            if self._epochs[tenant][-1:] != [position.epoch]:
                self._epochs[tenant].append(position.epoch)

    def kill_listeners(self) -> None:
        command(self.port, "CLIENT KILL TYPE pubsub")

    def flush_scripts(self) -> None:
        command(self.port, "SCRIPT FLUSH")

    def freeze(self, seconds: float) -> None:
        self.node.freeze()
        time.sleep(seconds)
        self.node.thaw()

    def restart(self, seconds: float) -> None:
        self.node.kill()
        time.sleep(seconds)
        self.node.start()
        self.note_epoch()

    def fail_over(self, lag: float) -> None:
        """Get a replica, keep the last `lag` seconds from it, and put it in the primary's place."""
        old, new = self.node, RedisNode(self._new_folder())
        command(old.port, "CONFIG SET repl-diskless-sync-delay 0")
        self._replica = new
        new.start()
        assert command(new.port, f"REPLICAOF 127.0.0.1 {old.port}") == "+OK"
        eventually(lambda: _link(new) == "up", within=15)
        self.note_epoch()  # the first replica gives a primary a new name
        time.sleep(0.5)
        command(new.port, "CONFIG SET masteruser nobody masterauth nothing")
        command(old.port, "CLIENT KILL TYPE replica")
        time.sleep(lag)
        self._close_the_door(old)
        self._close_books(old)
        old.kill()
        command(new.port, "REPLICAOF NO ONE")
        assert command(new.port, f"CONFIG SET port {self.port}") == "+OK"
        new.port, self.node, self._replica = self.port, new, None
        self.note_epoch()

    def books(self) -> dict[str, list[Book]]:
        """Return the truth, tenant by tenant: call it when nothing is written any more."""
        self._close_books(self.node)
        return self._books

    def end(self) -> None:
        for node in (self.node, self._replica):
            if node is not None:
                node.kill()

    def _close_the_door(self, node: RedisNode) -> None:
        # Its port first, so that nobody comes back; what is under way is written or is not.
        aside = free_port()
        assert command(node.port, f"CONFIG SET port {aside}") == "+OK"
        node.port = aside
        for kind in ("pubsub", "normal"):
            command(aside, f"CLIENT KILL TYPE {kind} SKIPME yes")

    def _close_books(self, node: RedisNode) -> None:
        places = asyncio.run(self._dump(node))
        for tenant, epochs in self._epochs.items():
            mine = {job: places[job] for job, owner in self._jobs.items() if owner == tenant}
            steps = {job: _steps(position) for job, position in mine.items()}
            results = {
                job: msgspec.json.decode(position.result) if position.result else None
                for job, position in mine.items()
            }
            self._books[tenant].append(Book(tuple(epochs), steps, results))
            epochs.clear()

    async def _dump(self, node: RedisNode) -> dict[str, Position]:
        store = AsyncRedisStore(node.url, deadline=10)
        with contextlib.closing(store._asker):
            return {job: await _locate(store, tenant, job) for job, tenant in self._jobs.items()}

    async def _look(self) -> dict[str, Position]:
        store = AsyncRedisStore(self.node.url, deadline=10)
        with contextlib.closing(store._asker):
            samples = {tenant: job for job, tenant in self._jobs.items()}
            return {tenant: await _locate(store, tenant, job) for tenant, job in samples.items()}

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="redis-", dir=self._folder))


async def _locate(store: AsyncRedisStore, tenant: str, job: str) -> Position:
    found = await store.do(Locate(tenant=tenant, job=job))
    assert found is not None, f"{job} is on record no more"
    return found


def _steps(position: Position) -> Sequence[Step]:
    read = msgspec.json.Decoder(_Frame)
    frames = [(step.state, read.decode(step.frame)) for step in position.steps]
    return [(str(state), frame.at, frame.epoch, frame.seq) for state, frame in frames]


def _link(node: RedisNode) -> str:
    with contextlib.closing(redis.Redis(port=node.port, socket_timeout=2)) as client:
        return str(client.info("replication").get("master_link_status"))
