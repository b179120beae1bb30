"""Tells the gauges of the queues every few seconds, in one process of the house."""

import time
from collections.abc import Callable

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.looking import PERIOD_SECONDS, Looking
from services.gateway.metrics import Metrics
from services.gateway.queues.desk import QueueDesk
from services.gateway.queues.metrics import QueueMetrics


class QueueWatch(Looking):
    """What waits, runs and rests in each queue."""

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
        super().__init__("queues", duty=duty, metrics=metrics, monotonic=monotonic)
        self._desk = desk
        self._queues = queues

    async def look(self) -> None:
        """Ask once, and tell."""
        self._queues.tell((await self._desk.overview(None, within=PERIOD_SECONDS)).queues)

    def forget(self) -> None:
        """Tell of no queue."""
        self._queues.tell(())
