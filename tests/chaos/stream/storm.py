"""One storm over the stream: jobs that move, clients that misbehave, parts that break; a verdict.

Nothing here is a stand-in: Redis with its scripts, notifiers as processes, clients over sockets.
What is true is what the store wrote. The seed fixes what is chosen; when exactly is the machine's.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.adapters.store_redis import AsyncRedisStore
from tests.chaos.stream.faults import OF_NOTIFIERS, OF_REDIS, Breaker
from tests.chaos.stream.feed_sight import FEED
from tests.chaos.stream.notifiers import Notifier
from tests.chaos.stream.shifty import ShiftyRedis
from tests.chaos.stream.verdict import Book, feed_flaws, flaws
from tests.chaos.stream.writer import Writer
from tests.notifier_process import ROOT, token_for

TENANTS = ("acme", "umbra")
CONCLUDE_SECONDS = 60.0
REPORT_SECONDS = 60.0
SETTINGS = {
    "WAYMARK_PING_SECONDS": "1",
    "WAYMARK_HEARD_SECONDS": "4",
    "WAYMARK_DRAIN_SECONDS": "2",
    "WAYMARK_DRAIN_STAY_SECONDS": "2",
    "WAYMARK_LOG_LEVEL": "WARNING",
}

Table = Sequence[tuple[str, int, tuple[float, float]]]


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How large a storm, and of what."""

    seconds: float
    seed: str
    jobs: int = 500
    clients: int = 100
    watched: int = 10  # jobs a client
    feeds: int = 6  # clients beside them that follow a tenant's feed
    notifiers: int = 2
    pace: float = 1.0  # seconds from one deed on a job to the next, about
    gap: float = 1.5  # seconds from one fault to the next of its kind, about
    of_redis: Table = OF_REDIS
    of_notifiers: Table = OF_NOTIFIERS
    patience: float = 25.0  # seconds that the clients get in the end to see it all
    dedupes: bool = True  # what the clients do with what comes twice


@dataclass
class Verdict:
    """What came of it; `flaws` names job and client."""

    flaws: list[str]
    counts: dict[str, Any] = field(default_factory=dict)


class Storm:
    """Build it, `run` it once, `end` it in any case."""

    def __init__(self, weather: Weather, folder: Path, code: Path = ROOT) -> None:
        self._weather, self._folder, self._code = weather, folder, code
        self._redis: ShiftyRedis | None = None
        self._notifiers: list[Notifier] = []
        self._crowd: asyncio.subprocess.Process | None = None

    async def run(self) -> Verdict:
        """Return the verdict."""
        weather, began = self._weather, time.monotonic()
        writer = Writer(weather.jobs, TENANTS, pace=weather.pace, seed=weather.seed)
        redis = self._redis = ShiftyRedis(self._folder, writer.jobs)
        await asyncio.to_thread(redis.start)
        store = AsyncRedisStore(redis.url)
        await writer.submit_all(store)
        await asyncio.to_thread(redis.note_epoch)
        breaker = Breaker(
            redis, await asyncio.to_thread(self._start_notifiers, redis.url), weather.seed,
            of_redis=weather.of_redis, of_notifiers=weather.of_notifiers, gap=weather.gap,
        )  # fmt: skip
        report = self._folder / "report.json"
        await self._gather_crowd(report, list(writer.jobs.items()))
        until = asyncio.Event()
        async with asyncio.TaskGroup() as storm:
            writing = storm.create_task(writer.live(store))
            raging = storm.create_task(breaker.rage(until))
            await asyncio.sleep(weather.seconds)
            # The last steps of all jobs fall into the storm; but no client helps itself by chance.
            await self._tell("calm")
            writer.conclude()
            await self._ended(writer, weather.jobs // 2)
            until.set()
            await raging
            await asyncio.to_thread(redis.kill_listeners)  # nothing later heals what this breaks
            await self._ended(writer, weather.jobs)
            await writing
        await writer.live(store)  # an end may have been forgotten by a failover
        await store.close()
        told = await self._hear_crowd(report)
        verdict = _judge(told, await asyncio.to_thread(redis.books), writer.jobs)
        verdict.counts |= {
            "faults": dict(breaker.counts),
            "deeds": dict(writer.deeds),
            "notifiers": self._metrics(),
            "seconds": round(time.monotonic() - began, 1),
        }
        return verdict

    def end(self) -> None:
        """End every process of it."""
        for notifier in self._notifiers:
            notifier.process.kill()
        if self._redis is not None:
            self._redis.end()
        if self._crowd is not None and self._crowd.returncode is None:
            self._crowd.kill()

    def _start_notifiers(self, redis_url: str) -> list[Notifier]:
        self._notifiers = [
            Notifier(f"notifier-{n}", redis_url, self._folder, self._code, **SETTINGS)
            for n in range(1, self._weather.notifiers + 1)
        ]
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(Notifier.start, self._notifiers))
        return self._notifiers

    async def _gather_crowd(self, report: Path, jobs: Sequence[tuple[str, str]]) -> None:
        weather, rng = self._weather, random.Random(f"{self._weather.seed}/crowd")
        clients = []
        for number in range(weather.clients):
            tenant = TENANTS[number % len(TENANTS)]
            mine = [job for job, owner in jobs if owner == tenant]
            # A share of all of them in turn, so that none is watched by nobody.
            first = number // len(TENANTS) * weather.watched
            some = [mine[(first + n) % len(mine)] for n in range(weather.watched - 1)]
            some = list(dict.fromkeys([*some, rng.choice(mine)]))
            token = token_for(some, tenant=tenant, ttl=3600)
            clients.append({"name": f"{tenant}-{number}", "token": token, "jobs": some})
        for number in range(weather.feeds):
            tenant = TENANTS[number % len(TENANTS)]
            token = token_for((), tenant=tenant, ttl=3600, feed=True)
            clients.append({"name": f"{tenant}-feed-{number}", "token": token, "jobs": [FEED]})
        told = {
            "clients": clients,
            "urls": [notifier.url for notifier in self._notifiers],
            "seed": weather.seed,
            "dedupes": weather.dedupes,
            "patience": weather.patience,
        }
        with (self._folder / "crowd.log").open("ab") as log:
            self._crowd = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.stream.crowd", str(report),
                stdin=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT,
            )  # fmt: skip
        await self._tell(json.dumps(told))

    async def _ended(self, writer: Writer, jobs: int) -> None:
        async with asyncio.timeout(CONCLUDE_SECONDS):
            while writer.ended < jobs:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _tell(self, line: str) -> None:
        assert self._crowd is not None
        assert self._crowd.stdin is not None
        self._crowd.stdin.write(line.encode() + b"\n")
        try:
            await self._crowd.stdin.drain()
        except ConnectionError as fault:
            raise AssertionError(self._crowd_log()) from fault

    async def _hear_crowd(self, report: Path) -> list[dict[str, Any]]:
        assert self._crowd is not None
        await self._tell("finish")
        async with asyncio.timeout(REPORT_SECONDS):
            status = await self._crowd.wait()
        assert status == 0, self._crowd_log()
        found: list[dict[str, Any]] = json.loads(await asyncio.to_thread(report.read_text))
        return found

    def _crowd_log(self) -> str:
        return (self._folder / "crowd.log").read_text()[-3000:]

    def _metrics(self) -> dict[str, int]:
        """Return what the notifiers that live now have counted, since they last started."""
        found: Counter[str] = Counter()
        for notifier in self._notifiers:
            for line in notifier.ask("/metrics").splitlines():
                name, _, value = line.rpartition(" ")
                if name.startswith("waymark_notifier_") and "_seconds" not in name:
                    found[name.removeprefix("waymark_notifier_")] += round(float(value))
        return dict(found)


def _judge(
    told: Sequence[dict[str, Any]], books: dict[str, list[Book]], jobs: dict[str, str]
) -> Verdict:
    found: list[str] = []
    tally: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for client in told:
        name = client["name"]
        tally.update(client["tally"])
        found += [f"{name}: {breach}" for breach in client["breaches"]]
        for job, log in client["logs"].items():
            shown.update(entry[0] for entry in log)
            if job == FEED:
                found += [f"{name}: {flaw}" for flaw in feed_flaws(log, books[name.split("-")[0]])]
            else:
                found += [f"{name}: {job}: {flaw}" for flaw in flaws(job, log, books[jobs[job]])]
    epochs = {tenant: sum(len(book.epochs) for book in mine) for tenant, mine in books.items()}
    steps = sum(len(s) for mine in books.values() for s in mine[-1].steps.values())
    counts = {
        "clients": dict(sorted(tally.items())),
        "shown": {"snapshots": shown["s"], "transitions": shown["t"], "progress": shown["p"]},
        "epochs": epochs,
        "steps": steps,
        "pairs": sum(len(client["logs"]) for client in told),
        "not done": sum(not client["done"] for client in told),
    }
    return Verdict(found, counts)
