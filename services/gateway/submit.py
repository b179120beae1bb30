"""2 · A job comes in: checked against the catalogue, then made safe, then 202.

How it is made safe is said in `accepting/`. What can happen in between is PROTOCOL's business: the
outbox entry that the record was written with is published by the sweeper, whatever becomes of this
process.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

import uuid_utils

from services.gateway.accepting.acceptance import Acceptance
from services.gateway.accepting.gathering import Foresee, Gathering, Tell, Told, awaited
from services.gateway.accepting.outcomes import Accepted, Outcome, Withheld, root_of
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
from services.gateway.tracing import Tracing
from shared.contracts.answers import SubmitVerdict
from shared.contracts.errors import WaymarkError
from shared.contracts.idempotency import Recall
from shared.contracts.operations import IdempotencyKey, Submit
from shared.contracts.tracing import TraceContext
from shared.ports import AsyncJobStore, CommandPublisher
from shared.runtime.spells import Histories, Spell

BUDGET_SECONDS = 2.7  # an outage is answered within 3 s


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
        tracing: Tracing,
        terms: Terms = USUAL_TERMS,
    ) -> None:
        """Keep the parts it works with; `evicting` says why the store would forget a job."""
        self._store = store
        self._acceptance = Acceptance(
            store=store, publisher=publisher, metrics=metrics, tracing=tracing
        )
        self._gathering = Gathering(self._acceptance)
        self._catalogue = catalogue
        self._metrics = metrics
        self._evicting = evicting
        self._terms = terms
        self._refusing = Spell("submits_refused", "submits_accepted_again", calm_seconds=2.0)
        self._histories = Histories()

    async def plan(
        self,
        request: JobRequest,
        payload: str,
        *,
        caller: Caller,
        trace: TraceContext,
        key: IdempotencyKey | None,
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
        return operation_for(
            request,
            payload,
            job_type,
            caller=caller,
            trace=trace,
            key=key,
            terms=self._terms,
        )

    def plan_at_once(
        self,
        request: JobRequest,
        payload: str,
        *,
        caller: Caller,
        trace: TraceContext,
        key: IdempotencyKey | None,
    ) -> Submit | None:
        """Return what `plan` would; None where it would refuse, or look at the catalogue."""
        job_type = self._catalogue.known(request.type)
        fits = (
            job_type is not None
            and job_type.check.is_valid(request.payload)
            and (request.queue is None or self._catalogue.knows_queue(request.queue))
            and self._evicting() is None
        )
        if job_type is None or not fits:
            return None
        return operation_for(
            request,
            payload,
            job_type,
            caller=caller,
            trace=trace,
            key=key,
            terms=self._terms,
        )

    async def also_wrong(self, body: object) -> Sequence[Fault]:
        """Return what the catalogue has against a body whose other members are at fault already."""
        match body:
            case {"type": str(name), "payload": dict(payload)} if TYPE.fullmatch(name):
                try:
                    return payload_faults(await self._catalogue.find(name), payload)
                except (UnknownType, EmptyCatalogue) as refusal:
                    return refusal.errors
        return ()

    async def accept(self, operation: Submit) -> Accepted:
        """Put a job on record and into the broker, or say honestly that it is not safe.

        Raises:
            Unavailable: within 3 s. `job_id` in it: the record exists, and the same key publishes
                the same job again; `withdrawn`: it was called off.
            InFlight, KeyReused: what the Idempotency-Key is bound to.
            UniqueKeyTaken, QuotaExceeded: no job was made.
        """
        outcome = await awaited(lambda tell: self.accept_and_tell(operation, tell))
        if not isinstance(outcome, Accepted):
            raise outcome
        return outcome

    def accept_and_tell(
        self, operation: Submit, tell: Tell, foresee: Foresee | None = None
    ) -> None:
        """Do the same, but call `tell` with what `accept` would return or raise.

        `foresee`: see `Gathering.join`.
        """
        started = time.monotonic()

        def note(told: Told) -> None:
            if isinstance(told, Accepted):
                self._metrics.submit_took(operation.queue, time.monotonic() - started)
            if isinstance(told, Accepted | WaymarkError):
                self._note(operation.queue, told)
            tell(told)

        self._gathering.join(operation, deadline=self.deadline(), tell=note, foresee=foresee)

    async def accept_many(
        self, operations: Sequence[Submit], *, deadline: float, atomic: bool = False
    ) -> Sequence[Outcome]:
        """Do the same for many jobs of one tenant; return what became of each.

        `deadline`: see `deadline`. `atomic`: all are put on record, or none.
        """
        started = time.monotonic()
        accept = self._acceptance.accept_all if atomic else self._acceptance.accept
        outcomes = await accept(operations, deadline=deadline)
        self._note_all(operations, outcomes)
        self._metrics.submit_took(operations[0].queue, time.monotonic() - started)
        return outcomes

    def deadline(self) -> float:
        """Return until when (the loop's clock) a request that begins now has to be answered."""
        return asyncio.get_running_loop().time() + BUDGET_SECONDS

    async def recall(self, key: IdempotencyKey, *, tenant: str) -> Accepted | None:
        """Return the job of a key that is bound already, made safe; None when it is free.

        For a request that would be refused today: its body once was good.

        Raises:
            Unavailable, InFlight: as `accept` does.
        """
        asked = Recall(tenant=tenant, job=str(uuid_utils.uuid7()), key=key)
        answer = await self._store.do(asked)
        if answer is None or answer.verdict is SubmitVerdict.MISMATCH:
            return None
        (outcome,) = await self._acceptance.make_safe([asked], [answer], deadline=self.deadline())
        if not isinstance(outcome, Accepted):
            raise outcome
        self._metrics.submitted(outcome.job.queue, "replayed")
        return outcome

    def _note_all(self, operations: Sequence[Submit], outcomes: Sequence[Outcome]) -> None:
        alike: Counter[tuple[str, str, str]] = Counter()
        for operation, outcome in zip(operations, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                alike[operation.queue, outcome.outcome, outcome.job.epoch] += 1
            else:
                self._note(operation.queue, outcome)
        for (queue, word, epoch), count in alike.items():
            self._refusing.over()
            self._histories.note(operations[0].tenant, epoch)
            self._metrics.submitted(queue, word, count=count)

    def _note(self, queue: str, outcome: Outcome) -> None:
        match outcome:
            case Accepted(job=job):
                self._refusing.over()
                self._histories.note(job.tenant, job.epoch)
                self._metrics.submitted(queue, outcome.outcome)
            case Withheld():
                self._metrics.submitted(queue, "withheld")
            case QuotaExceeded():
                self._metrics.submitted(queue, "over_quota")
            case InFlight() | KeyReused() | UniqueKeyTaken():
                self._metrics.submitted(queue, "conflict")
            case _:
                self._metrics.submitted(queue, "unavailable")
                self._refusing.met(why=root_of(outcome), answer=503)
