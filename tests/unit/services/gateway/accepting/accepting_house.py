"""An acceptance and a gathering on fakes, and what is put through them."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import uuid_utils
from msgspec.structs import replace

from services.gateway.accepting.acceptance import Acceptance
from services.gateway.accepting.gathering import Gathering, Told, awaited
from services.gateway.accepting.outcomes import Accepted
from services.gateway.metrics import Metrics
from services.gateway.tracing import Tracing
from shared.contracts.lifecycle import State
from shared.contracts.operations import IdempotencyKey, Operation, Read, Submit
from shared.runtime.tracing.spans import OFF
from tests.fakes.publisher import FakePublisher
from tests.fakes.store import AsyncFakeStore, FakeStore

A = TypeVar("A")

SECONDS = 2.0


class Listening(AsyncFakeStore):
    """Remembers what it was asked."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(store)
        self.asked: list[Operation] = []

    async def do(self, operation: Operation[A]) -> A:
        self.asked.append(operation)
        return await super().do(operation)


class House:
    """An acceptance and a gathering on fakes."""

    def __init__(self) -> None:
        self.records = FakeStore()
        self.use(Listening(self.records), FakePublisher())

    def use(self, store: Listening, publisher: FakePublisher) -> None:
        """Build them on this store and this broker."""
        self.store, self.publisher = store, publisher
        self.acceptance = Acceptance(
            store=store, publisher=publisher, metrics=Metrics(), tracing=Tracing(OFF)
        )
        self.gathering = Gathering(self.acceptance)

    async def accept(self, *jobs: Submit) -> Sequence[Told]:
        """Submit jobs in the same moment."""
        return await asyncio.gather(*(self.one(job, deadline=in_time()) for job in jobs))

    async def one(self, job: Submit, *, deadline: float) -> Told:
        """Submit one."""
        return await awaited(lambda tell: self.gathering.join(job, deadline=deadline, tell=tell))

    def state(self, job: Submit) -> State | None:
        """Return the state of a job, None where it is not on record."""
        record = self.records.do(Read(tenant=job.tenant, job=job.job))
        return record.state if record else None


def in_time() -> float:
    return asyncio.get_running_loop().time() + SECONDS


def a_job(tenant: str = "dev", **fields: object) -> Submit:
    plain = Submit(
        tenant=tenant, job=str(uuid_utils.uuid7()), type="demo.steps", type_version=1,
        queue="default", priority=5, payload="{}", max_attempts=1, labels={}, submitted_by="key:k",
    )  # fmt: skip
    return replace(plain, **fields)


def a_key(name: str, body: str = "b") -> IdempotencyKey:
    return IdempotencyKey(hash=name, fingerprint=body)


def kind(outcome: Told) -> object:
    return outcome.outcome if isinstance(outcome, Accepted) else type(outcome)


def job_of(outcome: Told) -> str:
    assert isinstance(outcome, Accepted), outcome
    return outcome.job.id


async def true(fact: bool) -> bool:
    return fact
