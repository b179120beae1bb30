"""Tells the gauges of the queues every few seconds, in one process of the house."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from services.gateway.housekeeping.duty import Duty
from services.gateway.metrics import Metrics
from services.gateway.queues.desk import QueueDesk
from services.gateway.queues.metrics import QueueMetrics
from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 5.0
STALE_SECONDS: Final = 30.0  # after that nobody takes the last values for those of today

log = structlog.get_logger()


class QueueWatch:
    """Looks while the duty is held; who loses it, or cannot see for long, tells nothing."""

    def __init__(
        self,
        *,
        desk: QueueDesk,
        duty: Duty,
        metrics: Metrics,
        queues: QueueMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the parts it works with."""
        self._monotonic = monotonic
        self._told_at = monotonic()
        self._desk = desk
        self._duty = duty
        self._metrics = metrics
        self._queues = queues

    async def watch(self) -> None:
        """Look every 5 s, for ever."""
        while True:
            await self.turn()
            await pause(PERIOD_SECONDS)

    async def turn(self) -> None:
        """Look, or stand by."""
        if not self._duty.held:
            self._queues.tell(())
            return
        with self._metrics.duty_round("queues"):
            await self._round()

    async def _round(self) -> None:
        try:
            await self.look()
        except StoreUnavailable:
            self._forget_what_is_old()
            self._metrics.duty_failed("queues")
            log.warning("duty_waits_for_store", duty="queues")
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._forget_what_is_old()
            self._metrics.duty_failed("queues")
            log.exception("duty_failed", duty="queues")
        else:
            self._told_at = self._monotonic()
            self._metrics.duty_done("queues")

    def _forget_what_is_old(self) -> None:
        # Not at once: an alert would begin to count anew after each hiccup of the store.
        if self._monotonic() - self._told_at > STALE_SECONDS:
            self._queues.tell(())

    async def look(self) -> None:
        """Ask once, and tell.

        Raises:
            StoreUnavailable: it does not answer.
        """
        self._queues.tell((await self._desk.overview(None, within=PERIOD_SECONDS)).queues)
