"""Weeds out the jobs whose time is over; what is kept, and for how long, the script knows."""

import asyncio
from typing import Final

import structlog

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.sweeper import TENANTS_AT_ONCE, groups
from services.gateway.metrics import Metrics
from shared.contracts.errors import StoreUnavailable
from shared.contracts.retention import DeleteEnded
from shared.ports import AsyncJobStore, Registry
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 5.0
BATCH: Final = 100  # jobs of one script, about 10 µs each
MOST_BATCHES: Final = 500  # of one tenant before the next one's turn
BREATH_SECONDS: Final = 0.005  # between two batches: whoever works goes first

log = structlog.get_logger()


class Weeder:
    """Does its work while the sweeper's lease is held."""

    def __init__(
        self, *, store: AsyncJobStore, registry: Registry, duty: Duty, metrics: Metrics
    ) -> None:
        """Keep the parts it works with."""
        self._store = store
        self._registry = registry
        self._duty = duty
        self._metrics = metrics

    async def weed(self) -> None:
        """Look every 5 s, for ever."""
        while True:
            if self._duty.held:
                with self._metrics.duty_round("retention"):
                    await self._round()
            await pause(PERIOD_SECONDS)

    async def _round(self) -> None:
        try:
            for group in groups(await self._registry.tenants(), TENANTS_AT_ONCE):
                await asyncio.gather(*map(self._weed_tenant, group))
        except StoreUnavailable:
            self._metrics.duty_failed("retention")
            log.warning("duty_waits_for_store", duty="retention")
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._metrics.duty_failed("retention")
            log.exception("duty_failed", duty="retention")
        else:
            self._metrics.duty_done("retention")

    async def _weed_tenant(self, tenant: str) -> None:
        count = 0
        for _ in range(MOST_BATCHES):
            if not self._duty.held:
                break
            deleted = await self._store.do(DeleteEnded(tenant=tenant, limit=BATCH))
            count += len(deleted.jobs)
            self._metrics.deleted(len(deleted.jobs))
            if not deleted.more:
                break
            await pause(BREATH_SECONDS)
        if count:
            log.info("ended_jobs_deleted", tenant=tenant, count=count)
