"""Jobs moved by hand through the store, as gateway and worker would."""

import asyncio
from uuid import uuid4

from shared.contracts import operations as ops
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord, Outcome
from shared.ports import AsyncJobStore

_FAULT = '{"code":"error","message":"once more","type":"Error","retryable":true}'


class MovingJob:
    """One job of one tenant; every call is one transition or one progress."""

    def __init__(self, store: AsyncJobStore, tenant: str = "acme") -> None:
        self.id = str(uuid4())
        self.tenant = tenant
        self.steps = 0
        self._store = store
        self._token = ""
        self._number = 0
        self._message: RunJob

    async def submit(self) -> None:
        answer = await self._store.do(
            ops.Submit(
                tenant=self.tenant, job=self.id, type="demo", type_version=1, queue="default",
                priority=5, payload="{}", max_attempts=1000, labels={}, submitted_by="key:test",
            )
        )  # fmt: skip
        assert answer.job is not None
        self._message = RunJob.of(answer.job)
        self.steps += 1

    async def start(self) -> None:
        self._token, self._number = uuid4().hex, 0
        answer = await self._store.do(
            ops.Claim(
                tenant=self.tenant, message=self._message, token=self._token, worker="w",
                lease=15_000,
            )
        )  # fmt: skip
        assert answer.verdict == "run", answer
        self.steps += 1

    async def report(self) -> None:
        self._number += 1
        told = f'{{"current":{self._number}}}'
        assert await self._store.do(
            ops.Progress(
                tenant=self.tenant, job=self.id, token=self._token, number=self._number,
                progress=told,
            )
        )  # fmt: skip

    async def fail_once(self) -> None:
        fault = ops.Fault(error=_FAULT, public=_FAULT, outcome=Outcome.FAILED)
        settled = await self._store.do(
            ops.Retry(tenant=self.tenant, job=self.id, token=self._token, fault=fault, delay=0)
        )
        assert settled.publish is not None, settled
        self._message = settled.publish
        self.steps += 1

    async def live_through_one(self) -> None:
        """One attempt that fails, with some progress, in about a quarter of a second."""
        await self.start()
        for _ in range(5):
            await self.report()
            await asyncio.sleep(0.02)
        await self.fail_once()
        await asyncio.sleep(0.1)

    async def succeed(self, result: str = '{"done":true}') -> None:
        settled = await self._store.do(
            ops.Succeed(tenant=self.tenant, job=self.id, token=self._token, result=result)
        )
        assert settled.verdict == "ok", settled
        self.steps += 1

    async def record(self) -> JobRecord:
        found = await self._store.do(ops.Read(tenant=self.tenant, job=self.id))
        assert found is not None
        return found
