"""The faults of a soak: what is killed or frozen, how often, for how long."""

import asyncio
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.local.deadline import holds
from deploy.local.errors import HouseError
from deploy.local.node import Node
from deploy.local.redis import command
from deploy.local.service import Service
from tests.faults.stage import BOTH_WORKERS, Stage, parent_of
from tests.faults.witness import Run

MEAN_GAP_SECONDS = 4.0
AT_ONCE = 2
ALIVE_WITHIN_SECONDS = 2.0  # ticks come late on a busy machine
# Name, weight, and for how long (seconds) it lasts: frozen or down.
TABLE: tuple[tuple[str, int, tuple[float, float]], ...] = (
    ("kill slot", 20, (0, 0)),
    ("freeze slot", 8, (0.5, 5)),
    ("kill zygote", 6, (0, 1)),
    ("freeze zygote", 5, (0.5, 8)),
    ("kill worker", 18, (0, 4)),
    ("freeze worker", 12, (1, 25)),
    ("deploy worker", 5, (0, 0)),
    ("kill gateway", 10, (0, 2)),
    ("freeze gateway", 5, (0.5, 6)),
    ("kill notifier", 4, (0, 2)),
    ("kill rabbitmq", 5, (0, 3)),
    ("freeze rabbitmq", 6, (1, 15)),
    ("kill redis", 6, (0, 3)),
    ("freeze redis", 6, (1, 20)),
    ("flush scripts", 3, (0, 0)),
)
# Between the storms a worker is killed in calm weather, to measure how soon its jobs run again.
CALM_KILL = "kill worker in calm"
STORMY_SECONDS = 40.0
HEALING_SECONDS = 17.0  # for one lease after a restart of Redis nobody is taken over
BUSY_SECONDS = 10.0
CALM_SECONDS = 21.0


@dataclass(frozen=True, slots=True)
class Wound:
    """One fault as it happened; `orphans` are the runs that died with a killed worker."""

    name: str
    target: str
    began: float
    ended: float
    orphans: tuple[Run, ...] = ()


@dataclass
class Tormentor:
    """Breaks things until told to stop; every choice comes from one seeded generator."""

    stage: Stage
    seed: str
    wounds: list[Wound] = field(default_factory=list)
    probes: list[str] = field(default_factory=list)  # jobs of its own, accepted for TENANT
    _busy: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def rage(self, until: asyncio.Event) -> None:
        """Return when all that was broken has been mended."""
        rng = random.Random(f"{self.seed}/faults")
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as at_work:
            nurse = at_work.create_task(self._nurse())
            faults: set[asyncio.Task[None]] = set()
            calm = time.monotonic() + STORMY_SECONDS
            while not until.is_set():
                if time.monotonic() > calm:
                    await self._kill_in_calm(rng.choice(BOTH_WORKERS), gate)
                    calm = time.monotonic() + STORMY_SECONDS
                name, _, (least, most) = rng.choices(TABLE, [weight for _, weight, _ in TABLE])[0]
                target, lasts = rng.choice(BOTH_WORKERS), rng.uniform(least, most)
                await gate.acquire()
                fault = at_work.create_task(self._break(name, target, lasts, gate))
                faults.add(fault)
                await asyncio.sleep(min(20, rng.expovariate(1 / MEAN_GAP_SECONDS)))
            await asyncio.wait(faults)
            nurse.cancel()

    @property
    def counts(self) -> dict[str, int]:
        """How often each fault came."""
        return dict(sorted(Counter(wound.name for wound in self.wounds).items()))

    async def _kill_in_calm(self, worker: str, gate: asyncio.Semaphore) -> None:
        """Let all wounds heal, kill a busy worker and wait: how soon do its jobs run again?"""
        for _ in range(AT_ONCE):
            await gate.acquire()
        try:
            async with self._busy[worker]:
                await asyncio.sleep(HEALING_SECONDS)
                await asyncio.to_thread(self.stage.heal)
                service = self.stage.house.service(worker)
                await self._keep_busy(service)
                began = time.monotonic()
                orphans = await asyncio.to_thread(self._strike, "kill", "worker", worker, 0.0)
                self.wounds.append(Wound(CALM_KILL, worker, began, began, tuple(orphans)))
                await asyncio.sleep(CALM_SECONDS)
        finally:
            for _ in range(AT_ONCE):
                gate.release()

    async def _keep_busy(self, service: Service) -> None:
        """Submit long jobs and wait until the worker runs one."""
        async with self.stage.client() as http:
            mine = await self.stage.submit_many(http, 4, seconds=6)
        self.probes += mine
        busy = lambda: any(run.job in mine for run in self._runs_in(service))  # noqa: E731
        await asyncio.to_thread(holds, busy, within=BUSY_SECONDS)

    async def _break(self, name: str, worker: str, lasts: float, gate: asyncio.Semaphore) -> None:
        verb, _, what = name.partition(" ")
        # A worker and its zygote watch over each other: one of the two is left alone.
        is_worker = what in {"worker", "zygote", "slot"}
        target = worker if is_worker else what
        try:
            async with self._busy[target]:
                began = time.monotonic()
                orphans = await asyncio.to_thread(self._strike, verb, what, target, lasts)
                wound = Wound(name, target, began, time.monotonic(), tuple(orphans))
                self.wounds.append(wound)
        finally:
            gate.release()

    def _strike(self, verb: str, what: str, target: str, lasts: float) -> list[Run]:
        if verb == "flush":
            command(self.stage.redis.port, "SCRIPT FLUSH")
            return []
        if what in {"rabbitmq", "redis"}:
            self._hit_node(
                self.stage.rabbitmq if what == "rabbitmq" else self.stage.redis, verb, lasts
            )
            return []
        service = self.stage.house.service(target)
        if service.pid is None:
            return []
        if what in {"slot", "zygote"}:
            self._hit_child(service, what, verb, lasts)
            return []
        orphans = self._runs_in(service) if (verb, what) == ("kill", "worker") else []
        self._hit_service(service, verb, lasts)
        return orphans

    def _hit_node(self, node: Node, verb: str, lasts: float) -> None:
        if verb == "freeze":
            node.freeze()
            time.sleep(lasts)
            node.thaw()
            return
        if node is self.stage.rabbitmq:
            self.stage.rabbitmq.sync()
        node.kill()
        time.sleep(lasts)
        node.start()

    def _hit_service(self, service: Service, verb: str, lasts: float) -> None:
        if verb == "freeze":
            service.freeze()
            time.sleep(lasts)
            service.thaw()
            return
        if verb == "deploy":
            service.stop(within=20)
        else:
            service.kill()
            time.sleep(lasts)
        service.launch()

    def _hit_child(self, service: Service, what: str, verb: str, lasts: float) -> None:
        runs = self._runs_in(service)
        if not runs:
            return
        pid = runs[-1].pid if what == "slot" else parent_of(runs[-1].pid)
        try:
            if verb == "kill":
                os.kill(pid, signal.SIGKILL)
                time.sleep(lasts)
                return
            os.kill(pid, signal.SIGSTOP)
            time.sleep(lasts)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return

    def _runs_in(self, service: Service) -> list[Run]:
        """Return what a worker runs at this moment, as its witness has it."""
        now, worker = time.monotonic(), service.pid
        found = []
        for run in self.stage.witness.runs():
            if run.over or now - run.last > ALIVE_WITHIN_SECONDS:
                continue
            try:
                if parent_of(parent_of(run.pid)) == worker:
                    found.append(run)
            except FileNotFoundError:
                continue
        return found

    async def _nurse(self) -> None:
        """Start again what has ended by itself, as any supervisor does."""
        while True:
            for service in self.stage.house.services:
                lock = self._busy[service.name]
                if not lock.locked() and not service.is_running:
                    async with lock:
                        await asyncio.to_thread(_start_if_possible, service.launch)
            await asyncio.sleep(0.5)


def recoveries(wounds: list[Wound], runs: list[Run]) -> tuple[list[float], list[float]]:
    """Return after how many seconds the jobs of killed workers ran again: all, and in calm."""
    everyone, in_calm = [], []
    for wound in wounds:
        for orphan in wound.orphans:
            again = [r for r in runs if r.job == orphan.job and r.started > orphan.last]
            if not again:
                continue  # it was settled in time, or called off
            took = again[0].started - wound.began
            everyone.append(took)
            if wound.name == CALM_KILL:
                in_calm.append(took)
    return everyone, in_calm


def _start_if_possible(start: Callable[[], None]) -> None:
    try:
        start()
    except HouseError:
        return  # it is being started by somebody else; the next round looks again
