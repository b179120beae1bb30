"""Tells how many messages wait for their confirm, in one process of the house."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.metrics import OutboxMetrics
from services.gateway.housekeeping.sweeper import TENANTS_AT_ONCE, groups
from services.gateway.metrics import Metrics
from shared.contracts.errors import StoreUnavailable
from shared.contracts.queues import OutboxTally, SurveyOutbox
from shared.ports import AsyncJobStore, Registry
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 5.0
STALE_SECONDS: Final = 30.0  # after that nobody takes the last values for those of today
_MS: Final = 1000

log = structlog.get_logger()


class OutboxWatch:
    """Looks while the duty is held; who loses it, or cannot see for long, tells nothing."""

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
        self._monotonic = monotonic
        self._told_at = monotonic()
        self._store = store
        self._registry = registry
        self._duty = duty
        self._metrics = metrics
        self._outbox = outbox

    async def watch(self) -> None:
        """Look every 5 s, for ever."""
        while True:
            await self.turn()
            await pause(PERIOD_SECONDS)

    async def turn(self) -> None:
        """Look, or stand by."""
        if not self._duty.held:
            self._outbox.forget()
            return
        with self._metrics.duty_round("outbox"):
            await self._round()

    async def _round(self) -> None:
        try:
            await self.look()
        except StoreUnavailable:
            self._forget_what_is_old()
            self._metrics.duty_failed("outbox")
            log.warning("duty_waits_for_store", duty="outbox")
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._forget_what_is_old()
            self._metrics.duty_failed("outbox")
            log.exception("duty_failed", duty="outbox")
        else:
            self._told_at = self._monotonic()
            self._metrics.duty_done("outbox")

    def _forget_what_is_old(self) -> None:
        # Not at once: an alert would begin to count anew after each hiccup of the store.
        if self._monotonic() - self._told_at > STALE_SECONDS:
            self._outbox.forget()

    async def look(self) -> None:
        """Ask for every tenant once, and tell what they have together.

        Raises:
            StoreUnavailable: it does not answer.
        """
        told: list[OutboxTally] = []
        for group in groups(await self._registry.tenants(), TENANTS_AT_ONCE):
            told += await asyncio.gather(
                *(self._store.do(SurveyOutbox(tenant=tenant)) for tenant in group)
            )
        oldest = max((one.oldest or 0 for one in told), default=0)
        self._outbox.tell(sum(one.entries for one in told), oldest / _MS)
