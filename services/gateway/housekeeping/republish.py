"""How housekeeping publishes what the outbox still holds, and marks it as confirmed."""

import structlog

from services.gateway.handing_over import hand_over
from services.gateway.metrics import Metrics
from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, Unroutable
from shared.ports import AsyncJobStore, CommandPublisher
from shared.runtime import job_lines

log = structlog.get_logger()


class Republisher:
    """One message at a time; what it cannot publish stays in the outbox and comes again."""

    def __init__(
        self, *, store: AsyncJobStore, publisher: CommandPublisher, metrics: Metrics
    ) -> None:
        """Keep the parts it works with."""
        self._store = store
        self._publisher = publisher
        self._metrics = metrics

    async def publish(self, message: RunJob, *, delay_ms: int = 0, reason: str) -> None:
        """Publish and confirm; `reason` is what the metric counts it under.

        Raises:
            StoreUnavailable: it is published, but not marked.
        """
        if not self._publisher.ready:
            return
        try:
            await hand_over(
                message, delay_ms=delay_ms, store=self._store, publisher=self._publisher
            )
        except (BrokerUnavailable, Unroutable) as fault:
            log.warning("republish_failed", **job_lines.facts_of(message), code=fault.code)
            return
        self._metrics.republished(reason)
        job_lines.tell("job_republished", message, reason=reason)
