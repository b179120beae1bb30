"""Leases that ran out, jobs that are due, messages never confirmed: found and set going again.

The tick has a timer of its own: a slow sweep must not look like an outage (PROTOCOL, Leases).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from services.gateway.ends import count_expiry
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.republish import Republisher
from services.gateway.lines import tell_move
from services.gateway.metrics import Metrics
from shared.contracts.errors import StoreUnavailable
from shared.contracts.lifecycle import Event
from shared.contracts.operations import Sweep, Tick
from shared.ports import AsyncJobStore, CommandPublisher, Registry
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 1.0
BATCH: Final = 100  # entries of one script; it stays in the low milliseconds
MOST_BATCHES: Final = 50  # of one tenant before the next one's turn
TENANTS_AT_ONCE: Final = 16

log = structlog.get_logger()


class Sweeper:
    """Does the duty while its lease is held."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        registry: Registry,
        duty: Duty,
        metrics: Metrics,
        lease_ms: int,
    ) -> None:
        """Keep the parts it works with."""
        self._store = store
        self._republisher = Republisher(store=store, publisher=publisher, metrics=metrics)
        self._registry = registry
        self._duty = duty
        self._metrics = metrics
        self._lease_ms = lease_ms
        self._held_for: dict[str, int] = {}

    async def tick(self) -> None:
        """Tick for every tenant once a second, for ever."""
        await self._every_second("tick", self._tick_tenant)

    async def sweep(self) -> None:
        """Sweep every tenant once a second, or as fast as it goes, for ever."""
        await self._every_second("sweep", self._sweep_tenant)

    async def _every_second(self, name: str, do: Callable[[str], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD_SECONDS
            if self._duty.held:
                with self._metrics.duty_round(name):
                    await self._round(name, do)
            await pause(max(0.0, due - loop.time()))

    async def _round(self, name: str, do: Callable[[str], Awaitable[None]]) -> None:
        try:
            tenants = await self._registry.tenants()
            for group in groups(tenants, TENANTS_AT_ONCE):
                await asyncio.gather(*map(do, group))
        except StoreUnavailable:
            self._metrics.duty_failed(name)
            log.warning("duty_waits_for_store", duty=name)
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._metrics.duty_failed(name)
            log.exception("duty_failed", duty=name)
        else:
            self._metrics.duty_done(name)

    async def _tick_tenant(self, tenant: str) -> None:
        ticked = await self._store.do(Tick(tenant=tenant, lease=self._lease_ms))
        if ticked.held_for and not self._held_for.get(tenant):
            log.warning("leases_spared", tenant=tenant, held_seconds=ticked.held_for / 1000)
        self._held_for[tenant] = ticked.held_for

    async def _sweep_tenant(self, tenant: str) -> None:
        for _ in range(MOST_BATCHES):
            if not self._duty.held:
                return
            swept = await self._store.do(Sweep(tenant=tenant, limit=BATCH))
            if swept.lost:
                self._metrics.leases_lost(swept.lost)
                log.warning("leases_ran_out", tenant=tenant, count=swept.lost)
            for moved in swept.moved:
                tell_move(tenant, moved)
                if moved.event is Event.EXPIRED:
                    count_expiry(self._metrics.endings, moved.queue, moved.type)
            await asyncio.gather(
                *(
                    self._republisher.publish(message, delay_ms=delay_ms, reason="outbox")
                    for message, delay_ms in swept.publish
                )
            )
            if not swept.more:
                return


def groups(items: Sequence[str], size: int) -> list[Sequence[str]]:
    """Return `items` in slices of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
