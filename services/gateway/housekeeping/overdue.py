"""Queued jobs whose message should have come and has not get a new one (PROTOCOL, Overdue)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.republish import Republisher
from services.gateway.housekeeping.signs import Signs, held_jobs
from services.gateway.housekeeping.sweeper import (
    BATCH,
    MOST_BATCHES,
    TENANTS_AT_ONCE,
    groups,
)
from services.gateway.metrics import Metrics
from services.gateway.queues.depths import Depths
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable
from shared.contracts.overdue import FindOverdue, FoundOverdue, QueueNews
from shared.ports import AsyncJobStore, CommandPublisher, Registry
from shared.runtime.pacing import pause

LONGEST_PERIOD_SECONDS: Final = 5.0
LOOKS_WITHIN: Final = 4  # so often at least while a queue must be empty

log = structlog.get_logger()


class OverdueWatch:
    """Looks while the duty is held and the broker takes messages."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        registry: Registry,
        depths: Depths,
        duty: Duty,
        metrics: Metrics,
        after: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts it works with; `after` in seconds."""
        self._store = store
        self._publisher = publisher
        self._republisher = Republisher(store=store, publisher=publisher, metrics=metrics)
        self._registry = registry
        self._depths = depths
        self._duty = duty
        self._metrics = metrics
        self._after = after
        self._signs = Signs(after=after, monotonic=monotonic)

    async def watch(self) -> None:
        """Look every 5 s, more often where `after` is short, for ever."""
        try:
            while True:
                if self._duty.held and self._publisher.ready:
                    with self._metrics.duty_round("overdue"):
                        await self._round()
                else:
                    self._signs.forget()
                await pause(min(LONGEST_PERIOD_SECONDS, self._after / LOOKS_WITHIN))
        finally:
            await self._depths.close()

    async def _round(self) -> None:
        try:
            await self.look()
        except (StoreUnavailable, BrokerUnavailable) as fault:
            self._signs.forget()
            self._metrics.duty_failed("overdue")
            log.warning("duty_waits", duty="overdue", code=fault.code, why=str(fault))
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._metrics.duty_failed("overdue")
            log.exception("duty_failed", duty="overdue")
        else:
            self._metrics.duty_done("overdue")

    async def look(self) -> None:
        """Ask everybody once and publish what is overdue.

        Raises:
            StoreUnavailable, BrokerUnavailable: one of them does not answer.
        """
        depths = await self._depths.read(self._signs.queues)
        cards = await self._registry.workers()
        self._signs.look(depths, cards)
        news, held = self._signs.news(), held_jobs(cards)
        answers: list[FoundOverdue] = []
        for group in groups(await self._registry.tenants(), TENANTS_AT_ONCE):
            answers += await asyncio.gather(
                *(self._find(tenant, news, held.get(tenant, frozenset())) for tenant in group)
            )
        self._signs.hear(answers)

    async def _find(
        self, tenant: str, news: Sequence[QueueNews], held: frozenset[str]
    ) -> FoundOverdue:
        asked = FindOverdue(
            tenant=tenant, after=round(self._after * 1000), news=tuple(news), held=held, limit=BATCH
        )
        found = await self._take(asked)
        for _ in range(MOST_BATCHES):
            if not (found.more and self._duty.held):
                break
            found = await self._take(asked)
        return found

    async def _take(self, asked: FindOverdue) -> FoundOverdue:
        found = await self._store.do(asked)
        if found.publish:
            log.warning("jobs_overdue", tenant=asked.tenant, count=len(found.publish))
        await asyncio.gather(
            *(self._republisher.publish(one, reason="overdue") for one in found.publish)
        )
        return found
