"""Tells how many messages wait for their confirm, in one process of the house."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.looking import Looking
from services.gateway.housekeeping.metrics import OutboxMetrics
from services.gateway.housekeeping.sweeper import TENANTS_AT_ONCE, groups
from services.gateway.metrics import Metrics
from shared.contracts.queues import OutboxTally, SurveyOutbox
from shared.ports import AsyncJobStore, Registry

_MS: Final = 1000


class OutboxWatch(Looking):
    """How much lies in the outboxes of all tenants together, and for how long."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        registry: Registry,
        duty: Duty,
        metrics: Metrics,
        outbox: OutboxMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts it works with."""
        super().__init__("outbox", duty=duty, metrics=metrics, monotonic=monotonic)
        self._store = store
        self._registry = registry
        self._outbox = outbox

    async def look(self) -> None:
        """Ask for every tenant once, and tell what they have together."""
        told: list[OutboxTally] = []
        for group in groups(await self._registry.tenants(), TENANTS_AT_ONCE):
            told += await asyncio.gather(
                *(self._store.do(SurveyOutbox(tenant=tenant)) for tenant in group)
            )
        oldest = max((one.oldest or 0 for one in told), default=0)
        self._outbox.tell(sum(one.entries for one in told), oldest / _MS)

    def forget(self) -> None:
        """Tell of no outbox."""
        self._outbox.forget()
