"""2 · A job comes in: on record first, then in the broker, then 202.

What can happen between the two is PROTOCOL's business: the outbox entry that the record was
written with is published by the sweeper, whatever becomes of this process.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
import uuid_utils

from services.gateway.catalogue import Catalogue, payload_faults
from services.gateway.credentials import Caller
from services.gateway.metrics import Metrics
from services.gateway.planning import USUAL_TERMS, Terms, operation_for
from services.gateway.refusals import (
    EmptyCatalogue,
    Fault,
    InFlight,
    Invalid,
    KeyReused,
    QuotaExceeded,
    Unavailable,
    UniqueKeyTaken,
    UnknownType,
)
from services.gateway.requests.jobs import TYPE, JobRequest
from shared.contracts.answers import CancelVerdict, Submitted, SubmitVerdict
from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable, Unroutable
from shared.contracts.idempotency import Recall, Unmark
from shared.contracts.job import JobRecord
from shared.contracts.operations import Cancel, Confirm, IdempotencyKey, Submit
from shared.ports import AsyncJobStore, CommandPublisher
from shared.runtime.pacing import full_jitter, pause
from shared.runtime.spells import Histories, Spell

BUDGET_SECONDS = 2.7  # an outage is answered within 3 s
FIRST_PAUSE_SECONDS = 0.01  # p95 of a confirm is 10 ms
LONGEST_PAUSE_SECONDS = 0.25

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that is safe. `replayed`: its Idempotency-Key was known; `deduplicated`: another's."""

    job: JobRecord
    replayed: bool
    deduplicated: bool = False

    @property
    def outcome(self) -> str:
        """How it is counted."""
        if self.deduplicated:
            return "deduplicated"
        return "replayed" if self.replayed else "accepted"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request itself: the id it would give a new job, and its key."""

    request: str
    key: IdempotencyKey | None


class Submission:
    """Accepts jobs."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        catalogue: Catalogue,
        metrics: Metrics,
        evicting: Callable[[], str | None] = lambda: None,
        terms: Terms = USUAL_TERMS,
    ) -> None:
        """Keep the parts it works with; `evicting` says why the store would forget a job."""
        self._store = store
        self._publisher = publisher
        self._catalogue = catalogue
        self._metrics = metrics
        self._evicting = evicting
        self._terms = terms
        self._refusing = Spell("submits_refused", "submits_accepted_again", calm_seconds=2.0)
        self._histories = Histories()

    async def plan(
        self, request: JobRequest, payload: str, *, caller: Caller, traceparent: str | None
    ) -> Submit:
        """Check a request against the catalogue and return the operation it asks for.

        Raises:
            Refusal: an unknown type or queue, a payload that does not fit, an empty catalogue, a
                store that evicts.
        """
        job_type = await self._catalogue.find(request.type)
        faults = payload_faults(job_type, request.payload)
        if request.queue is not None:
            faults += await self._catalogue.queue_faults(request.queue)
        if faults:
            raise Invalid(
                f"This does not fit {request.type}: `errors` points to each fault.", errors=faults
            )
        if (complaint := self._evicting()) is not None:
            self._metrics.submitted(request.queue or job_type.entry.queue, "unavailable")
            raise Unavailable(f"A job accepted now might be forgotten. {complaint}")
        return operation_for(request, payload, job_type, caller, traceparent, terms=self._terms)

    async def also_wrong(self, body: object) -> Sequence[Fault]:
        """Return what the catalogue has against a body whose other members are at fault already."""
        match body:
            case {"type": str(name), "payload": dict(payload)} if TYPE.fullmatch(name):
                try:
                    return payload_faults(await self._catalogue.find(name), payload)
                except (UnknownType, EmptyCatalogue) as refusal:
                    return refusal.errors
        return ()

    async def accept(self, operation: Submit, key: IdempotencyKey | None) -> Accepted:
        """Put a job on record and into the broker, or say honestly that it is not safe.

        Raises:
            Unavailable: within 3 s. `job_id` in it: the record exists, and the same key publishes
                the same job again; `withdrawn`: it was called off.
            InFlight, KeyReused: what the Idempotency-Key is bound to.
            UniqueKeyTaken, QuotaExceeded: no job was made.
        """
        started = time.monotonic()
        deadline = asyncio.get_running_loop().time() + BUDGET_SECONDS
        try:
            accepted = await self._accept(replace(operation, key=key), deadline)
        except (Unavailable, StoreUnavailable) as fault:
            self._metrics.submitted(operation.queue, "unavailable")
            self._refusing.met(why=_why(fault), answer=503)
            raise
        except (InFlight, KeyReused, UniqueKeyTaken):
            self._metrics.submitted(operation.queue, "conflict")
            raise
        except QuotaExceeded:
            self._metrics.submitted(operation.queue, "over_quota")
            raise
        self._refusing.over()
        self._histories.note(accepted.job.tenant, accepted.job.epoch)
        self._metrics.submitted(operation.queue, accepted.outcome)
        self._metrics.submit_took(operation.queue, time.monotonic() - started)
        return accepted

    async def recall(self, key: IdempotencyKey, *, tenant: str) -> Accepted | None:
        """Return the job of a key that is bound already, made safe; None when it is free.

        For a request that would be refused today: its body once was good.

        Raises:
            Unavailable, InFlight: as `accept` does.
        """
        deadline = asyncio.get_running_loop().time() + BUDGET_SECONDS
        asked = _Asked(str(uuid_utils.uuid7()), key)
        answer = await self._store.do(Recall(tenant=tenant, job=asked.request, key=key))
        if answer is None or answer.verdict is SubmitVerdict.MISMATCH:
            return None
        accepted = await self._make_safe(answer, asked, deadline)
        self._metrics.submitted(accepted.job.queue, "replayed")
        return accepted

    async def _accept(self, operation: Submit, deadline: float) -> Accepted:
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._ask(operation)
        except TimeoutError as late:
            raise Unavailable from late
        if answer.verdict is SubmitVerdict.OVER_QUOTA:
            raise QuotaExceeded(
                f"The tenant has {operation.quota} live jobs, the most it may: wait for some to"
                " end, or cancel them.",
                extra={"max_live_jobs": operation.quota},
            )
        return await self._make_safe(answer, _Asked(operation.job, operation.key), deadline)

    async def _ask(self, operation: Submit) -> Submitted:
        """Submit. A duplicate is answered when it is safe: whoever submitted it is at it."""
        answer = await self._store.do(operation)
        tries = 0
        while answer.owed:
            await pause(full_jitter(tries, base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS))
            tries += 1
            answer = await self._store.do(operation)
        return answer

    async def _make_safe(self, answer: Submitted, asked: _Asked, deadline: float) -> Accepted:
        job = _job(answer)
        if answer.verdict is SubmitVerdict.DUPLICATE:
            return Accepted(job, replayed=False, deduplicated=True)
        if answer.verdict is SubmitVerdict.REPLAYED:
            return Accepted(job, replayed=True)
        try:
            async with asyncio.timeout_at(deadline):
                await self._publish(job)
        except (BrokerUnavailable, Unroutable, TimeoutError) as fault:
            return await self._give_up(job, asked, fault)
        await self._confirm(job)
        return Accepted(job, replayed=answer.verdict is SubmitVerdict.REPUBLISH)

    async def _publish(self, job: JobRecord) -> None:
        delay = delay_of(job, now_ms=time.time_ns() // 1_000_000)
        with self._metrics.publishing():
            if delay > 0:
                await self._publisher.publish_later(RunJob.of(job), delay_ms=delay)
            else:
                await self._publisher.publish(RunJob.of(job))

    async def _confirm(self, job: JobRecord) -> None:
        # Before the 202: whoever repeats its key after it must not meet "in flight". Should the
        # store be away just now, the job is safe all the same and the sweeper clears the entry.
        try:
            await self._store.do(Confirm(tenant=job.tenant, job=job.id, dispatch=job.dispatch))
        except StoreUnavailable:
            log.warning("confirm_not_recorded", job_id=job.id)

    async def _give_up(self, job: JobRecord, asked: _Asked, why: BaseException) -> Accepted:
        """Say what became of a job on record whose publish was not confirmed."""
        log.debug("publish_not_confirmed", job_id=job.id, why=type(why).__name__)
        if asked.key is None:
            return await self._withdraw(job, why)
        try:
            await self._store.do(Unmark(tenant=job.tenant, job=asked.request, key=asked.key))
        except StoreUnavailable:
            log.warning("key_left_marked", job_id=job.id)  # until the marker runs out by itself
        detail = "The job is on record but not confirmed: repeat with the same key."
        raise Unavailable(detail, extra={"job_id": job.id}) from why

    async def _withdraw(self, job: JobRecord, why: BaseException) -> Accepted:
        verdict = CancelVerdict.NOT_FOUND
        try:
            answer = await self._store.do(
                Cancel(
                    tenant=job.tenant,
                    job=job.id,
                    reason="withdrawn: the broker did not confirm it",
                    only_unconfirmed=True,
                )
            )
            verdict = answer.verdict
            if verdict is CancelVerdict.KEPT and answer.job is not None:
                return Accepted(answer.job, replayed=False)  # it had arrived: a worker has it
        except StoreUnavailable:
            log.warning("job_not_withdrawn", job_id=job.id)
        withdrawn = verdict is CancelVerdict.CANCELLED
        raise Unavailable(extra={"job_id": job.id, "withdrawn": withdrawn}) from why


def delay_of(job: JobRecord, *, now_ms: int) -> int:
    """Return for how long (ms) the message of a job has to wait on the ladder; 0: it goes now."""
    return 0 if job.run_at is None else max(0, job.run_at - now_ms)


def _why(fault: BaseException) -> str:
    """Return what lies at the bottom of a refusal."""
    while fault.__cause__ is not None:
        fault = fault.__cause__
    return str(fault) or type(fault).__name__


def _job(answer: Submitted) -> JobRecord:
    if answer.verdict is SubmitVerdict.IN_FLIGHT:
        raise InFlight
    if answer.verdict is SubmitVerdict.TAKEN:
        raise UniqueKeyTaken(extra={"job_id": answer.holder})
    if answer.verdict is SubmitVerdict.MISMATCH or answer.job is None:
        raise KeyReused
    return answer.job
