"""Tells the gauges of the queues every few seconds, in one process of the house."""

from typing import Final

import structlog

from services.gateway.housekeeping.duty import Duty
from services.gateway.metrics import Metrics
from services.gateway.queues.desk import QueueDesk
from services.gateway.queues.metrics import QueueMetrics
from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 5.0

log = structlog.get_logger()


class QueueWatch:
    """Looks while the duty is held; who loses it tells nothing."""

    def __init__(
        self, *, desk: QueueDesk, duty: Duty, metrics: Metrics, queues: QueueMetrics
    ) -> None:
        """Keep the parts it works with."""
        self._desk = desk
        self._duty = duty
        self._metrics = metrics
        self._queues = queues

    async def watch(self) -> None:
        """Look every 5 s, for ever."""
        while True:
            if self._duty.held:
                with self._metrics.duty_round("queues"):
                    await self._round()
            else:
                self._queues.tell(())
            await pause(PERIOD_SECONDS)

    async def _round(self) -> None:
        try:
            self._queues.tell((await self._desk.overview(None, within=PERIOD_SECONDS)).queues)
        except StoreUnavailable:
            self._metrics.duty_failed("queues")
            log.warning("duty_waits_for_store", duty="queues")
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._metrics.duty_failed("queues")
            log.exception("duty_failed", duty="queues")
        else:
            self._metrics.duty_done("queues")
