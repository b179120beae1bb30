"""Keeps the leases of running attempts, and hears from the store whether they are to stop.

Runs on the house loop, never in a slot's thread: no job can starve it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from services.worker.attempts.attempt import Attempt
from services.worker.cancelling import StopOrder
from services.worker.metrics import WorkerMetrics
from services.worker.slots.terms import Slots
from shared.contracts.answers import Renewal, RenewalVerdict
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import Heartbeat
from shared.ports import AsyncJobStore
from shared.runtime.pacing import pause
from shared.runtime.spells import Spell

TICK_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 1.0  # after a renewal that was not answered
AT_ONCE: Final = 100  # renewals under way together

log = structlog.get_logger()


@dataclass(slots=True)
class _Kept:
    attempt: Attempt
    due: float  # monotonic
    under_way: bool = False


class Pulse:
    """All attempts of this worker; `keep` is called by slot threads, the rest by the loop."""

    def __init__(
        self,
        store: AsyncJobStore,
        slots: Slots,
        renewal_of: Callable[[Attempt], Heartbeat],
        metrics: WorkerMetrics,
        *,
        freezes_at: Callable[[float], float],
        interval: float,
        default_grace: float,
        monotonic: Callable[[], float],
    ) -> None:
        """Describe it; `interval` and `default_grace` in seconds.

        `freezes_at` says until when a renewal sent at a time (monotonic) lets a slot run.
        """
        self._store = store
        self._slots = slots
        self._renewal_of = renewal_of
        self._metrics = metrics
        self._freezes_at = freezes_at
        self._interval = interval
        self._default_grace = default_grace
        self._monotonic = monotonic
        self._unanswered = Spell("leases_not_renewed", "leases_renewed_again")
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    @contextmanager
    def keep(self, attempt: Attempt) -> Iterator[None]:
        """Renew the attempt's lease while the context is open."""
        kept = _Kept(attempt, due=attempt.sent_at + self._interval)
        with self._lock:
            self._kept[attempt.token] = kept
        try:
            yield
        finally:
            with self._lock:
                del self._kept[attempt.token]

    @property
    def attempts(self) -> list[Attempt]:
        """What runs now, or waits to be settled."""
        return [kept.attempt for kept in self._all()]

    def nudge(self, job: str) -> None:
        """Renew the lease of `job` now: the store has something to say about it."""
        for kept in self._all():
            if kept.attempt.job.id == job:
                kept.due = 0.0

    async def run(self) -> None:
        """Renew what is due, for ever."""
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                now = self._monotonic()
                for kept in self._all():
                    if kept.due <= now and not kept.under_way:
                        kept.under_way = True
                        group.create_task(self._renew(kept, gate))
                await pause(TICK_SECONDS)

    async def _renew(self, kept: _Kept, gate: asyncio.Semaphore) -> None:
        async with gate:
            sent_at = self._monotonic()
            kept.due = sent_at + self._interval
            try:
                renewal = await self._store.do(self._renewal_of(kept.attempt))
            except StoreUnavailable as fault:
                kept.due = self._monotonic() + RETRY_SECONDS
                self._metrics.renewed(None)
                self._unanswered.met(running=len(self._kept), why=str(fault))
            else:
                self._unanswered.over(running=len(self._kept))
                self._metrics.renewed(renewal.verdict)
                self._hear(kept.attempt, renewal, sent_at)
            finally:
                kept.under_way = False

    def _hear(self, attempt: Attempt, renewal: Renewal, sent_at: float) -> None:
        if renewal.verdict is RenewalVerdict.LOST:
            # Who has just settled has no lease any more either: nothing to wake anybody for.
            say = log.debug if attempt.mailbox.ended else log.warning
            say("lease_lost", job_id=attempt.job.id)
            attempt.mailbox.lose()
            return
        if renewal.verdict is RenewalVerdict.OK:
            self._slots.renewed(attempt.job.id, sent_at)
            attempt.mailbox.freezes_at = self._freezes_at(sent_at)
        if renewal.cancel_requested_at is not None and not attempt.mailbox.cancelled:
            now = self._monotonic()
            left = renewal.cancel_in
            grace = self._default_grace if left is None else left / 1000
            attempt.mailbox.cancel(StopOrder("cancelled", now, now + grace))

    def _all(self) -> list[_Kept]:
        with self._lock:
            return list(self._kept.values())
