"""The jobs of a soak: good, flaky, slow, deadly, called off, delayed and asked for twice."""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.outside import Watcher, flaws_of
from tests.faults.stage import Stage

KINDS = {
    "ok": 40,
    "flaky": 15,
    "slow": 15,
    "crash": 8,
    "poison": 2,
    "cancel": 8,
    "delayed": 8,
    "refused": 4,
}
REPEATED = 0.3  # of the jobs come with an Idempotency-Key and are asked for until they answer
MEAN_GAP_SECONDS = 1.2  # of one tenant; three of them keep about half of six slots busy
PATIENCE_SECONDS = 120.0
BATCH = 20


@dataclass
class Ledger:
    """What was asked and what was promised, by tenant."""

    accepted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    kinds: dict[str, str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    withdrawn: set[str] = field(default_factory=set)
    flaws: list[str] = field(default_factory=list)


class Customer:
    """One tenant that submits at random; every choice comes from its own seeded generator."""

    def __init__(self, stage: Stage, tenant: str, ledger: Ledger, seed: str) -> None:
        self._stage, self._tenant, self._ledger = stage, tenant, ledger
        self._rng = random.Random(f"{seed}/{tenant}")
        self._number = 0
        self._fresh: list[str] = []

    async def live(self, until: asyncio.Event) -> None:
        """Submit until told to stop; then wait for what is still being asked or watched."""
        async with self._stage.client(self._tenant) as http, asyncio.TaskGroup() as errands:
            while not until.is_set():
                errands.create_task(self._submit(http))
                if len(self._fresh) >= BATCH:
                    errands.create_task(self._watch(http, self._fresh[:BATCH]))
                    del self._fresh[:BATCH]
                gap = self._rng.expovariate(1 / MEAN_GAP_SECONDS)
                await asyncio.sleep(min(gap, 5))

    async def _submit(self, http: httpx.AsyncClient) -> None:
        rng = self._rng
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        body = _body(kind, rng)
        patience, cancel_after = rng.uniform(0.1, 2), rng.random() < REPEATED
        self._number += 1
        key = f"soak-{self._number}" if cancel_after or kind == "cancel" else None
        try:
            job = await (self._until_answered(http, body, key) if key else self._once(http, body))
        except TimeoutError:
            self._ledger.flaws.append(f"{key}: no answer to a repeated submit for 120 s")
            return
        if job is None:
            return
        self._ledger.accepted[self._tenant].add(job)
        self._ledger.kinds[job] = kind
        self._fresh.append(job)
        if kind == "cancel":
            await asyncio.sleep(patience)
            await self._cancel(http, job)

    async def _once(self, http: httpx.AsyncClient, body: dict[str, Any]) -> str | None:
        try:
            answer = await http.post("/v1/jobs", json=body)
        except httpx.TransportError as fault:
            self._ledger.answers[type(fault).__name__] += 1
            return None
        self._ledger.answers[str(answer.status_code)] += 1
        if answer.status_code == 202:
            return str(answer.json()["id"])
        if answer.status_code not in {429, 503}:
            self._ledger.flaws.append(f"a submit was answered {answer.status_code}: {answer.text}")
        if answer.status_code == 503 and answer.json().get("withdrawn"):
            self._ledger.withdrawn.add(answer.json()["job_id"])
        return None

    async def _until_answered(self, http: httpx.AsyncClient, body: dict[str, Any], key: str) -> str:
        seen: set[str] = set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await http.post(
                        "/v1/jobs", json=body, headers={"Idempotency-Key": f'"{key}"'}
                    )
                except httpx.TransportError as fault:
                    self._ledger.answers[type(fault).__name__] += 1
                else:
                    self._ledger.answers[str(answer.status_code)] += 1
                    told = answer.json()
                    seen |= {told[name] for name in ("id", "job_id") if name in told}
                    if len(seen) > 1:
                        self._ledger.flaws.append(f"key {key} made {len(seen)} jobs: {seen}")
                    if answer.status_code in {200, 202}:
                        return str(told["id"])
                    if answer.status_code not in {409, 429, 503}:
                        self._ledger.flaws.append(f"{key}: {answer.status_code} {answer.text}")
                await asyncio.sleep(0.5)

    async def _cancel(self, http: httpx.AsyncClient, job: str) -> None:
        try:
            answer = await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 1})
        except httpx.TransportError:
            return
        if answer.status_code not in {200, 202, 409, 503}:
            self._ledger.flaws.append(f"{job}: its cancel was answered {answer.status_code}")

    async def _watch(self, http: httpx.AsyncClient, jobs: list[str]) -> None:
        """Follow some jobs live through whatever happens, to their ends."""
        gateway = self._stage.gateway
        try:
            token = await gateway.token(http, jobs, within=PATIENCE_SECONDS)
            watcher = Watcher(self._stage.house.stream_url, token, jobs)
            await watcher.run(within=PATIENCE_SECONDS * 2)
        except (AssertionError, TimeoutError) as fault:
            self._ledger.flaws.append(f"a watcher gave up: {fault!r}"[:300])
            return
        for job, seen in watcher.seen.items():
            self._ledger.flaws += [f"{job}: a watcher saw {flaw}" for flaw in flaws_of(seen)]


def _body(kind: str, rng: random.Random) -> dict[str, Any]:
    payloads: dict[str, dict[str, Any]] = {
        "ok": {"seconds": rng.uniform(0, 0.5)},
        "flaky": {"seconds": 0.2, "fail_times": rng.randint(1, 3)},
        "slow": {"seconds": rng.uniform(2, 8)},
        "crash": {"seconds": 0.2, "crash_times": 1},
        "poison": {"seconds": 0.1, "crash_times": 99},
        "cancel": {"seconds": rng.uniform(0.5, 3)},
        "delayed": {"seconds": 0.1},
        "refused": {"seconds": 0.1, "refuse": True},
    }
    body: dict[str, Any] = {
        "type": "witness.act",
        "payload": payloads[kind],
        "priority": rng.choice([2, 5, 5, 5, 8]),
    }
    return body | ({"delay_seconds": rng.uniform(1, 6)} if kind == "delayed" else {})
