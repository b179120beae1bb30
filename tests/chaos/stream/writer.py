"""Moves jobs through their lives with the store's own scripts, as gateway and worker would.

Whatever becomes of the store, each job goes on from what its record says: no answer is repeated
until there is one, a lost attempt is swept away, a forgotten step is made again.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar
from uuid import uuid4

from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts import operations as ops
from shared.contracts.answers import SettleVerdict
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import Redrive
from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.operations import Operation

A = TypeVar("A")

LEASE_MS = 1_000  # short, so that the pause after a change of epoch is
_FAULT = '{"code":"error","message":"once more","type":"Error","retryable":true}'
FAULT = ops.Fault(error=_FAULT, public=_FAULT, outcome=Outcome.FAILED)


class Writer:
    """Many jobs at once; `conclude` lets each come to its end."""

    def __init__(self, jobs: int, tenants: Sequence[str], *, pace: float, seed: str) -> None:
        """`pace`: seconds from one deed on a job to the next, about."""
        self.jobs = {str(uuid4()): tenants[n % len(tenants)] for n in range(jobs)}
        self.deeds: Counter[str] = Counter()
        self.concluding = False
        self.ended = 0  # jobs that are over
        self._store: AsyncRedisStore
        self._tenants = tenants
        self._pace, self._seed = pace, seed

    async def submit_all(self, store: AsyncRedisStore) -> None:
        """Write the records before anybody watches."""
        self._store = store
        for job, tenant in self.jobs.items():
            await self._do(
                ops.Submit(
                    tenant=tenant, job=job, type="demo", type_version=1, queue="default",
                    priority=5, payload="{}", max_attempts=1000, labels={}, submitted_by="key:x",
                )
            )  # fmt: skip

    async def live(self, store: AsyncRedisStore) -> None:
        """Return when every job has ended, after `conclude`."""
        self._store = store
        async with asyncio.TaskGroup() as lives:
            sweeping = lives.create_task(self._sweep())
            moving = [lives.create_task(self._move(job)) for job in self.jobs]
            await asyncio.wait(moving)
            sweeping.cancel()

    def conclude(self) -> None:
        """Let no job begin another attempt that is not its last."""
        self.concluding = True

    async def _move(self, job: str) -> None:
        rng = random.Random(f"{self._seed}/{job}")
        tenant = self.jobs[job]
        while True:
            await asyncio.sleep(rng.expovariate(1 / self._pace))
            record = await self._do(ops.Read(tenant=tenant, job=job))
            if record is None:
                raise AssertionError(f"{job} is on record no more")
            if record.final:
                if self.concluding:
                    self.ended += 1
                    return
                await self._do(Redrive(tenant=tenant, job=job, turn=uuid4().hex))
                continue
            await self._attempt(record, rng)

    async def _attempt(self, record: JobRecord, rng: random.Random) -> None:
        job, tenant, token = record.id, record.tenant, uuid4().hex
        claimed = await self._do(
            ops.Claim(
                tenant=tenant, message=RunJob.of(record), token=token, worker="w", lease=LEASE_MS
            )
        )
        if claimed.verdict != "run":
            return
        for number in range(1, rng.randint(1, 6)):
            await asyncio.sleep(rng.expovariate(3 / self._pace))
            told = f'{{"current":{number},"total":6}}'
            if not await self._do(
                ops.Progress(tenant=tenant, job=job, token=token, number=number, progress=told)
            ):
                return
            await self._do(
                ops.Heartbeat(
                    tenant=tenant, message=RunJob.of(record), token=token, worker="w",
                    lease=LEASE_MS,
                )
            )  # fmt: skip
        settle = self._settle(tenant, job, token, rng)
        if settle is not None:
            settled = await self._do(settle)
            if settled.verdict is SettleVerdict.LOST:
                self.deeds["lost"] += 1

    def _settle(self, tenant: str, job: str, token: str, rng: random.Random) -> ops.Settle | None:
        chance = rng.random()
        if self.concluding and chance < 0.75:
            result = f'{{"rows":{rng.randint(0, 999)}}}'
            return ops.Succeed(tenant=tenant, job=job, token=token, result=result)
        if self.concluding or chance < 0.08:
            reason = DeadLetterReason.NOT_RETRYABLE
            return ops.Fail(tenant=tenant, job=job, token=token, fault=FAULT, reason=reason)
        if chance < 0.8:
            delay = rng.choice((0, 0, 200))
            return ops.Retry(tenant=tenant, job=job, token=token, fault=FAULT, delay=delay)
        if chance < 0.95:
            return ops.Release(tenant=tenant, job=job, token=token)
        return None  # its worker is gone: the sweep takes the job

    async def _sweep(self) -> None:
        while True:
            for tenant in self._tenants:
                await self._do(ops.Tick(tenant=tenant, lease=LEASE_MS))
                await self._do(ops.Sweep(tenant=tenant, limit=500))
            await asyncio.sleep(1.0)

    async def _do(self, operation: Operation[A]) -> A:
        while True:
            try:
                answer = await self._store.do(operation)
            except StoreUnavailable:
                self.deeds["store unavailable"] += 1
                await asyncio.sleep(0.1)
            else:
                self.deeds[type(operation).__name__] += 1
                return answer
