"""A house whose parts are broken on purpose, and what is found out about it from outside."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx

from deploy.local.errors import HouseError
from deploy.local.house import House, Ports
from deploy.local.rabbitmq import RabbitNode
from deploy.local.redis import RedisNode, command
from deploy.local.service import REPO
from tests.e2e.outside import Gateway, Watcher
from tests.eventually import eventually, eventually_async
from tests.faults.checker import Evidence, Steps, flaws
from tests.faults.witness import Run, Witness
from tests.faults.witness_jobs import FILE_VARIABLE

TENANT = "dev"  # the tenant of the house's own key
INDEXES = ("outbox", "leases", "due")
WATCHED_AT_ONCE = 100
DRAIN_SECONDS = 45.0
SETTLE_DOWN_SECONDS = 30.0  # a copy of what runs goes round for a whole lease, 15 s, before it goes
BOTH_WORKERS = ("worker", "worker.2")


class Stage:
    """One house with witness jobs; `house` is broken by hand, the rest is looking."""

    def __init__(self, root: Path, *, code: Path = REPO, workers: int = 2, **settings: str) -> None:
        self.witness = Witness(root / "witness.jsonl")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
        env = {
            **inherited,
            "PYTHONPATH": str(REPO),  # where this package is, when `code` is a copy
            "WAYMARK_NODES": "private",
            "WAYMARK_JOBS": "tests.faults.witness_jobs,tests.faults.ruled_jobs",
            "WAYMARK_SLOTS": "3",
            "WAYMARK_DRAIN_SECONDS": "5",
            FILE_VARIABLE: str(self.witness.file),
            **settings,
        }
        self.house = House(root, env=env, ports=Ports.free(), workers=workers, code=code)

    @property
    def rabbitmq(self) -> RabbitNode:
        return cast(RabbitNode, self.house.rabbitmq)

    @property
    def redis(self) -> RedisNode:
        return cast(RedisNode, self.house.redis)

    @property
    def gateway(self) -> Gateway:
        return Gateway(self.house.url, self.house.keys.tenant)

    def heal(self) -> None:
        """Thaw and start whatever is frozen or down, and wait until all of it is ready."""
        for node in (self.rabbitmq, self.redis):
            node.thaw()
            if not node.is_running:
                node.start()
        for service in self.house.services:
            service.thaw()
            service.launch()
        for service in self.house.services:
            service.wait_ready()

    @asynccontextmanager
    async def client(self, tenant: str = TENANT) -> AsyncIterator[httpx.AsyncClient]:
        """Connections of one tenant; another tenant's are made with the platform key."""
        if tenant == TENANT:
            headers = {"Authorization": f"Bearer {self.house.keys.tenant}"}
        else:
            platform = f"Bearer {self.house.keys.platform}"
            headers = {"Authorization": platform, "Waymark-Tenant": tenant}
        async with httpx.AsyncClient(base_url=self.house.url, headers=headers, timeout=15) as http:
            yield http

    async def submit(
        self, http: httpx.AsyncClient, kind: str = "witness.act", **payload: object
    ) -> str:
        """Submit until 202 and return the id."""
        body = {"type": kind, "payload": payload}
        key = f"k-{time.monotonic_ns()}"
        return str((await self.gateway.submit(http, body, key=key, within=30))["id"])

    async def submit_many(
        self, http: httpx.AsyncClient, count: int, kind: str = "witness.act", **payload: object
    ) -> list[str]:
        jobs = [self.submit(http, kind, **payload) for _ in range(count)]
        return list(await asyncio.gather(*jobs))

    def running(self, job: str, *, within: float = 20.0, after: float = 0.0) -> Run:
        """Return the newest run of a job that has begun after `after` (monotonic)."""

        def begun() -> Run | None:
            return next((r for r in self.witness.runs(job)[::-1] if r.started > after), None)

        found = eventually(begun, within=within)
        assert found is not None
        return found

    async def run_of(self, job: str, *, within: float = 20.0, after: float = 0.0) -> Run:
        return await asyncio.to_thread(self.running, job, within=within, after=after)

    def worker_of(self, run: Run) -> str:
        """Return the name of the worker that runs it: the parent of the parent of its process."""
        worker = parent_of(parent_of(run.pid))
        return next(n for n in BOTH_WORKERS if self.house.service(n).pid == worker)

    async def verdict(
        self,
        http: httpx.AsyncClient,
        jobs: Iterable[str],
        *,
        within: float = DRAIN_SECONDS,
        forgetful: bool = False,
        tenant: str = TENANT,
    ) -> list[str]:
        """Wait until the jobs have ended and the house has drained; return every flaw."""
        evidence = await self.evidence(
            http, jobs, within=within, forgetful=forgetful, tenant=tenant
        )
        return flaws(evidence)

    async def evidence(
        self,
        http: httpx.AsyncClient,
        jobs: Iterable[str],
        *,
        within: float = DRAIN_SECONDS,
        forgetful: bool = False,
        tenant: str = TENANT,
    ) -> Evidence:
        accepted = sorted(set(jobs))
        ended = await self._ended(http, accepted, within)
        final = [job for job, record in ended.items() if record["final"]]
        histories = await self._histories(http, final)
        queues, residue = await asyncio.to_thread(self._drained, tenant)
        known = set(accepted)
        return Evidence(
            accepted=frozenset(accepted),
            jobs=ended,
            histories=histories,
            runs=[run for run in self.witness.runs() if run.job in known],
            queues=queues,
            residue=residue,
            forgetful=forgetful,
            letters=None if forgetful else await self._letters(http),
        )

    def queues(self) -> dict[str, int]:
        """Messages ready or unacked, by queue, as rabbitmqctl tells them."""
        told = self.rabbitmq.ctl(
            "list_queues", "--no-table-headers", "name", "messages_ready", "messages_unacknowledged"
        )
        rows = [line.split("\t") for line in told.splitlines() if line.startswith("waymark.")]
        return {name: _whole(ready) + _whole(unacked) for name, ready, unacked in rows}

    def residue(self, tenant: str = TENANT) -> dict[str, int]:
        """Entries left in the indexes of unfinished work."""
        return {
            key: _whole(command(self.redis.port, f"ZCARD {key}").removeprefix(":"))
            for key in (f"wm:{{{tenant}}}:{index}" for index in INDEXES)
        }

    async def _ended(
        self, http: httpx.AsyncClient, jobs: list[str], within: float
    ) -> dict[str, dict[str, Any]]:
        """Read every job until all have ended, or the time is up: the checker says what is lost."""
        deadline = time.monotonic() + within
        ended: dict[str, dict[str, Any]] = {}
        while True:
            for job in jobs:
                if not ended.get(job, {"final": False})["final"]:
                    ended.update(await self._read(http, job))
            done = sum(record["final"] for record in ended.values())
            if done == len(jobs) or time.monotonic() > deadline:
                return ended
            await asyncio.sleep(0.25)

    async def _read(self, http: httpx.AsyncClient, job: str) -> dict[str, dict[str, Any]]:
        async def answered() -> dict[str, dict[str, Any]]:
            try:
                answer = await http.get(f"/v1/jobs/{job}")
            except httpx.TransportError as fault:
                raise AssertionError(repr(fault)) from fault
            assert answer.status_code in {200, 404}, answer.text
            return {job: answer.json()} if answer.status_code == 200 else {"": {"final": False}}

        found = await eventually_async(answered, within=30.0)
        return {known: record for known, record in found.items() if known}

    async def _histories(self, http: httpx.AsyncClient, jobs: list[str]) -> dict[str, Steps]:
        histories: dict[str, Steps] = {}
        for first in range(0, len(jobs), WATCHED_AT_ONCE):
            some = jobs[first : first + WATCHED_AT_ONCE]
            watcher = Watcher(self.house.stream_url, await self.gateway.token(http, some), some)
            await watcher.run(within=30.0)
            histories |= {job: seen.states for job, seen in watcher.seen.items()}
        return histories

    async def _letters(self, http: httpx.AsyncClient) -> frozenset[str]:
        """Return the ids of all dead letters."""
        found: set[str] = set()
        cursor: dict[str, str] = {}
        while True:
            answer = await http.get("/v1/dead-letters", params={"limit": "200", **cursor})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            found |= {job["id"] for job in told["data"]}
            if not told["page"]["has_more"]:
                return frozenset(found)
            cursor = {"cursor": told["page"]["next"]}

    def _drained(self, tenant: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Give the last messages some time to go; what is left then is evidence."""
        deadline = time.monotonic() + SETTLE_DOWN_SECONDS
        while True:
            try:
                queues = self.queues()
            except HouseError:
                queues = {"rabbitmqctl has no answer": 1}
            residue = self.residue(tenant)
            left = sum(queues.values()) + sum(residue.values())
            if not left or time.monotonic() > deadline:
                return queues, residue
            time.sleep(0.3)


def parent_of(pid: int) -> int:
    """Return the parent of a living process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _whole(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
