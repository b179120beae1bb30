"""3 · Jobs become safe, many at a time: on record first, then in the broker, then noted as there.

One call of the store, one write to the broker and one more call of the store serve a whole batch;
alone a job costs three times as much. What becomes of each is its own affair: a batch is no unit.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from services.gateway.accepting.outcomes import Accepted, Outcome, because, meaning, unavailable
from services.gateway.ends import count_cancel
from services.gateway.lines import tell_cancel
from services.gateway.metrics import Metrics
from services.gateway.refusals import Unavailable
from services.gateway.tracing import Tracing
from shared.contracts.answers import CancelVerdict, Submitted, SubmitVerdict
from shared.contracts.batches import ConfirmMany, SubmitMany
from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable, WaymarkError
from shared.contracts.idempotency import Recall, Unmark
from shared.contracts.job import JobRecord
from shared.contracts.operations import Cancel, Confirm, Operation, Submit
from shared.ports import AsyncJobStore, CommandPublisher
from shared.runtime import job_lines
from shared.runtime.pacing import full_jitter, pause

FIRST_PAUSE_SECONDS: Final = 0.01  # p95 of a confirm is 10 ms
LONGEST_PAUSE_SECONDS: Final = 0.25
LARGE: Final = 25  # jobs of a batch
LARGE_AT_ONCE: Final = 2  # at the store: one is worked on while the next arrives
_TO_PUBLISH: Final = frozenset({SubmitVerdict.ACCEPTED, SubmitVerdict.REPUBLISH})

Ask = Submit | Recall

log = structlog.get_logger()


class Acceptance:
    """Makes jobs safe. A `deadline` is a time of the loop's clock."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        """Keep the parts it works with."""
        self._store = store
        self._publisher = publisher
        self._metrics = metrics
        self._tracing = tracing
        # They wait here and not in front of Redis: there they would keep everybody else waiting,
        # and those that waited for too long would be sent again.
        self._room_for_large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def accept(
        self,
        jobs: Sequence[Submit],
        *,
        deadline: float,
        on_record: Callable[[Sequence[Outcome]], None] = lambda _: None,
    ) -> Sequence[Outcome]:
        """Put jobs of one tenant on record and into the broker; return what became of each.

        `on_record` is called when the store has said what it has to say, or nothing, with what will
        have become of each if the broker confirms it: those are the very outcomes then.
        """
        foreseen: Sequence[Outcome] = ()
        try:
            async with asyncio.timeout_at(deadline):
                answers = await self._submit(jobs)
            foreseen = _meanings(jobs, answers)
        except (StoreUnavailable, TimeoutError) as fault:
            return unavailable(fault, times=len(jobs))
        finally:
            on_record(foreseen)
        outcomes = await self._make_safe(jobs, answers, foreseen, deadline=deadline)
        owed = [place for place, answer in enumerate(answers) if answer.owed]
        if not owed:
            return outcomes
        again = await asyncio.gather(*(self._ask_again(jobs[place], deadline) for place in owed))
        for place, outcome in zip(owed, again, strict=True):
            outcomes[place] = outcome
        return outcomes

    async def accept_all(self, jobs: Sequence[Submit], *, deadline: float) -> Sequence[Outcome]:
        """Do the same, but put all on record or none.

        Where one is refused, the outcome of the others is Withheld. Where all are on record, one
        that the broker did not confirm stays there: the sweeper publishes it.
        """
        operation = SubmitMany(tenant=jobs[0].tenant, jobs=tuple(jobs), atomic=True)
        try:
            async with asyncio.timeout_at(deadline):
                answers = await self._store.do(operation)
        except (StoreUnavailable, TimeoutError) as fault:
            return unavailable(fault, times=len(jobs))
        return await self.make_safe(jobs, answers, deadline=deadline, withdraws=False)

    async def make_safe(
        self,
        asked: Sequence[Ask],
        answers: Sequence[Submitted],
        *,
        deadline: float,
        withdraws: bool = True,
    ) -> Sequence[Outcome]:
        """Publish what the store says is to be published; return what became of all."""
        foreseen = _meanings(asked, answers)
        return await self._make_safe(
            asked, answers, foreseen, deadline=deadline, withdraws=withdraws
        )

    async def _make_safe(
        self,
        asked: Sequence[Ask],
        answers: Sequence[Submitted],
        foreseen: Sequence[Outcome],
        *,
        deadline: float,
        withdraws: bool = True,
    ) -> list[Outcome]:
        outcomes = list(foreseen)
        fresh = [
            (place, answer.job)
            for place, answer in enumerate(answers)
            if answer.verdict in _TO_PUBLISH and answer.job
        ]
        faults = await self._publish([job for _, job in fresh], deadline)
        safe, lost = [], []
        for (place, job), fault in zip(fresh, faults, strict=True):
            if fault is None:
                safe.append(job)
            else:
                lost.append((place, self._give_up(job, asked[place], fault, withdraws=withdraws)))
        await self._confirm(safe)
        job_lines.tell_all("job_accepted", safe)
        if not lost:
            return outcomes
        told = await asyncio.gather(*(giving_up for _, giving_up in lost))
        for (place, _), outcome in zip(lost, told, strict=True):
            outcomes[place] = outcome
        return outcomes

    async def _submit(self, jobs: Sequence[Submit]) -> Sequence[Submitted]:
        if len(jobs) == 1:
            return [await self._store.do(jobs[0])]
        operation = SubmitMany(tenant=jobs[0].tenant, jobs=tuple(jobs))
        if len(jobs) < LARGE:
            return await self._store.do(operation)
        async with self._room_for_large:
            return await self._store.do(operation)

    async def _ask_again(self, job: Submit, deadline: float) -> Outcome:
        """Submit a duplicate until its holder is safe: whoever submitted that one is at it."""
        tries = 0
        try:
            async with asyncio.timeout_at(deadline):
                while (answer := await self._store.do(job)).owed:
                    tries += 1
                    await pause(
                        full_jitter(tries, base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS)
                    )
        except (StoreUnavailable, TimeoutError) as fault:
            return unavailable(fault, times=1)[0]
        return (await self.make_safe([job], [answer], deadline=deadline))[0]

    async def _publish(
        self, jobs: Sequence[JobRecord], deadline: float
    ) -> Sequence[WaymarkError | None]:
        if not jobs:
            return ()
        now = time.time_ns() // 1_000_000
        messages = [(RunJob.of(job), delay_of(job, now_ms=now)) for job in jobs]
        faults: Sequence[WaymarkError | None] = [BrokerUnavailable()] * len(jobs)
        started, began_at = time.monotonic(), time.time_ns()
        try:
            async with asyncio.timeout_at(deadline):
                faults = await self._publisher.publish_many(messages)
        except TimeoutError:
            log.debug("publish_took_too_long", jobs=len(jobs))
        self._metrics.publishing.took(time.monotonic() - started, failed=any(faults))
        if self._tracing.on:
            self._tracing.published(jobs, faults, began_at)
        return faults

    async def _confirm(self, jobs: Sequence[JobRecord]) -> None:
        # Before the 202: whoever repeats its key after it must not meet "in flight". Should the
        # store be away just now, the jobs are safe all the same and the sweeper clears the entries.
        if not jobs:
            return
        try:
            await self._store.do(_confirmation(jobs))
        except StoreUnavailable:
            log.warning("confirm_not_recorded", job_id=jobs[0].id, jobs=len(jobs))

    async def _give_up(
        self, job: JobRecord, asked: Ask, why: WaymarkError, *, withdraws: bool
    ) -> Outcome:
        """Say what became of a job on record whose publish was not confirmed."""
        job_lines.tell("job_not_confirmed", job, code=why.code)
        detail = "The job is on record but not confirmed: it runs when the broker has it."
        if asked.key is not None:
            detail = "The job is on record but not confirmed: repeat with the same key."
            try:
                await self._store.do(Unmark(tenant=job.tenant, job=asked.job, key=asked.key))
            except StoreUnavailable:
                log.warning("key_left_marked", job_id=job.id)  # until the marker runs out
        elif withdraws:
            return await self._withdraw(job, why)
        return because(Unavailable(detail, extra={"job_id": job.id}), why)

    async def _withdraw(self, job: JobRecord, why: WaymarkError) -> Outcome:
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
            count_cancel(self._metrics.endings, answer)
            tell_cancel(answer, by="withdrawn")
            if verdict is CancelVerdict.KEPT and answer.job is not None:
                return Accepted(answer.job, replayed=False)  # it had arrived: a worker has it
        except StoreUnavailable:
            log.warning("job_not_withdrawn", job_id=job.id)
        withdrawn = verdict is CancelVerdict.CANCELLED
        return because(Unavailable(extra={"job_id": job.id, "withdrawn": withdrawn}), why)


def _meanings(asked: Sequence[Ask], answers: Sequence[Submitted]) -> Sequence[Outcome]:
    return [meaning(*both) for both in zip(asked, answers, strict=True)]


def delay_of(job: JobRecord, *, now_ms: int) -> int:
    """Return for how long (ms) the message of a job has to wait on the ladder; 0: it goes now."""
    return 0 if job.run_at is None else max(0, job.run_at - now_ms)


def _confirmation(jobs: Sequence[JobRecord]) -> Operation[bool] | Operation[int]:
    first = jobs[0]
    if len(jobs) == 1:
        return Confirm(tenant=first.tenant, job=first.id, dispatch=first.dispatch)
    dispatches = tuple((job.id, job.dispatch) for job in jobs)
    return ConfirmMany(tenant=first.tenant, dispatches=dispatches)
