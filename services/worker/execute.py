"""The way of a delivered message: claim, slot, settle, and how the broker is answered.

The only code that moves a job here. The deciders it asks are pure: `claiming` obeys the claim
table, `limits` and `cancelling` end what runs too long, `concluding` and `retry` judge the end.
"""

import random
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from services.worker.attempts.attempt import Attempt
from services.worker.attempts.claiming import Claims
from services.worker.attempts.concluding import Facts, conclude
from services.worker.attempts.counting import count_end
from services.worker.attempts.lines import tell_end, tell_start
from services.worker.attempts.settling import Settlements
from services.worker.attempts.stubborn import Stubborn
from services.worker.attempts.telling import Teller
from services.worker.attempts.tracing import AttemptTrace, Traces
from services.worker.attempts.unknown import UnknownTypes
from services.worker.attempts.watching import Ended, Watch, Why
from services.worker.cancelling import Rung
from services.worker.intake.deliveries import Answer, Delivered
from services.worker.intake.gate import Intake
from services.worker.limits import Deadlines
from services.worker.metrics import WorkerMetrics
from services.worker.slots.client import SlotsUnavailable
from services.worker.slots.terms import Assignment, Died, Slots
from shared.contracts.answers import Settled, SettleVerdict
from shared.contracts.catalog import CatalogEntry
from shared.contracts.job import Outcome
from shared.contracts.operations import Fail, Release, Retry, Settle, Stop
from shared.ports import JobStore
from shared.runtime.pacing import pause_thread

log = structlog.get_logger()

RESULT_BYTES_MAX: Final = 256 * 1024  # DESIGN, 5: limits
REFUSED_SECONDS: Final = 2.0  # before what no process could be had for is given back: no hot loop

NEVER_STARTED: Final = Ended(
    event=Died(signal=None, exit_code=None, peak_rss=0, refused=True),
    why=Why.ITSELF,
    rung=Rung.NONE,
)


class Heartbeats(Protocol):
    """Keeps the leases of running attempts."""

    def keep(self, attempt: Attempt) -> AbstractContextManager[None]:
        """Renew the attempt's lease while the context is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the executor works with."""

    store: JobStore
    stubborn: Stubborn
    slots: Slots
    heartbeats: Heartbeats
    claims: Claims
    settlements: Settlements
    unknown: UnknownTypes
    intake: Intake
    broken: threading.Event  # set when the slots cannot be trusted any more
    metrics: WorkerMetrics
    traces: Traces
    types: Mapping[str, CatalogEntry]
    monotonic: Callable[[], float]
    uniform: Callable[[float, float], float] = random.uniform
    pause: Callable[[float], None] = pause_thread


class Executor:
    """Carries out one delivery at a time in the thread that calls; many threads may."""

    def __init__(self, tools: Tools) -> None:
        """Describe it."""
        self._tools = tools

    def execute(self, delivery: Delivered) -> Answer:
        """Do all that the message asks and return how it is settled.

        Raises:
            SlotSilentError, SlotsUnavailable: the slots cannot be trusted any more; the worker must
                end, and the broker redelivers.
        """
        tools = self._tools
        if tools.broken.is_set() or not tools.slots.alive or not delivery.alive:
            return Answer.HOLD  # given back now, it would be delivered here again, and again
        if tools.intake.draining:
            return Answer.REQUEUE
        entry = tools.types.get(delivery.job.type)
        if entry is None or delivery.job.options.type_version > entry.version:
            return tools.unknown.handle(delivery)
        received_at = tools.traces.now()
        claimed = tools.claims.claim(delivery)
        if isinstance(claimed, Answer):
            return claimed
        queue = claimed.job.queue
        tools.metrics.occupancy.begin(queue)
        try:
            with tools.heartbeats.keep(claimed):
                trace = tools.traces.begin(claimed, received_at=received_at)
                answer = self._run(delivery, claimed, entry, trace)
                trace.over(answer)
                return answer
        finally:
            tools.metrics.occupancy.end(queue)

    def _run(
        self, delivery: Delivered, attempt: Attempt, entry: CatalogEntry, trace: AttemptTrace
    ) -> Answer:
        tools = self._tools
        tell_start(attempt.job)
        tools.metrics.started(attempt.job)
        started = tools.monotonic()
        teller = Teller(tools.store, attempt, monotonic=tools.monotonic)
        ended = self._watch(attempt, entry, teller, trace, started)
        trace.ran()
        attempt.mailbox.ended = True
        if isinstance(ended.event, Died) and ended.event.refused and not tools.broken.is_set():
            tools.pause(REFUSED_SECONDS)
        if teller.unsaved is not None:
            tools.stubborn.ask(teller.unsaved, give_up=lambda: tools.intake.leaving)
        end = self._conclude(ended, attempt, entry, teller)
        seconds = tools.monotonic() - started
        if end is None:
            log.warning("attempt_lost", job_id=attempt.job.id, attempt=attempt.job.attempt)
            tools.metrics.ended(attempt.job, Outcome.WORKER_LOST, seconds)
            return tools.claims.unresolved(delivery)
        settled = tools.settlements.write(attempt, end)
        outcome = outcome_of(end, settled)
        trace.settled(outcome)
        tools.metrics.ended(attempt.job, outcome, seconds)
        if settled is not None and settled.verdict is SettleVerdict.OK:
            count_end(tools.metrics, attempt.job, end, settled, ended, seconds=seconds)
            tell_end(attempt.job, end, settled, outcome, seconds=seconds)
        asked_at = attempt.mailbox.cancelled_at
        if isinstance(end, Stop) and outcome is Outcome.CANCELLED and asked_at is not None:
            tools.metrics.stopped(end.rung, tools.monotonic() - asked_at)
        return tools.settlements.answer(delivery, end, settled)

    def _watch(
        self,
        attempt: Attempt,
        entry: CatalogEntry,
        teller: Teller,
        trace: AttemptTrace,
        started: float,
    ) -> Ended:
        tools = self._tools
        try:
            slot = tools.slots.start(_assignment(attempt, entry, trace))
        except SlotsUnavailable:
            log.critical("slots_unavailable", job_id=attempt.job.id)
            tools.broken.set()
            return NEVER_STARTED
        deadlines = Deadlines.counted_from(
            started,
            soft_limit=entry.limits.soft_time_limit_seconds,
            hard_limit=entry.limits.time_limit_seconds,
        )
        return Watch(
            slot,
            mailbox=attempt.mailbox,
            deadlines=deadlines,
            teller=teller,
            freezes=entry.isolation == "slot",
            occupancy=tools.metrics.occupancy,
            called=trace.called,
            monotonic=tools.monotonic,
        ).until_end()

    def _conclude(
        self, ended: Ended, attempt: Attempt, entry: CatalogEntry, teller: Teller
    ) -> Settle | None:
        facts = Facts(
            job=attempt.job,
            token=attempt.token,
            limits=entry.limits,
            result_bytes_max=RESULT_BYTES_MAX,
            progress=teller.untold,
            zygote_alive=self._tools.slots.alive,
        )
        return conclude(ended, facts, uniform=self._tools.uniform)


def outcome_of(end: Settle, settled: Settled | None) -> Outcome:
    """Return how an attempt is counted: as its record will say, and not as it would have liked."""
    if settled is None or settled.verdict is SettleVerdict.LOST:
        return Outcome.WORKER_LOST
    if isinstance(end, Retry | Fail):
        return end.fault.outcome
    if isinstance(end, Release):
        return Outcome.WORKER_LOST if end.lost else Outcome.INTERRUPTED
    return Outcome.CANCELLED if isinstance(end, Stop) else Outcome.SUCCEEDED


def _assignment(attempt: Attempt, entry: CatalogEntry, trace: AttemptTrace) -> Assignment:
    job = attempt.job
    return Assignment(
        job=job.id,
        type=job.type,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        payload=job.payload,
        resume=job.checkpoint,
        soft_time_limit=entry.limits.soft_time_limit_seconds,
        time_limit=entry.limits.time_limit_seconds,
        max_rss=entry.limits.max_rss_bytes,
        sent_at=attempt.sent_at,
        tenant=job.tenant,
        traceparent=trace.traceparent,
        tracestate=job.tracestate,
        traced=trace.wanted,
    )
