"""The house-wide duties and who does them, built from what `wiring.py` has connected."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from services.gateway.catalogue import Catalogue
from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.housekeeping.archivist import Archivist
from services.gateway.housekeeping.dead_letter_queue import DeadLetterQueue
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.herald import Herald
from services.gateway.housekeeping.metrics import OutboxMetrics
from services.gateway.housekeeping.outbox_watch import OutboxWatch
from services.gateway.housekeeping.overdue import OverdueWatch
from services.gateway.housekeeping.queue_depths import QueueDepths
from services.gateway.housekeeping.queue_watch import QueueWatch
from services.gateway.housekeeping.redriver import Redriver
from services.gateway.housekeeping.sweeper import Sweeper
from services.gateway.housekeeping.weeder import Weeder
from services.gateway.metrics import Metrics
from services.gateway.queues.desk import QueueDesk
from services.gateway.queues.metrics import QueueMetrics
from services.gateway.render import Renderer
from services.gateway.settings import GatewaySettings
from services.gateway.webhooks.metrics import WebhookMetrics
from shared.ports import AsyncJobStore, CommandPublisher, Registry

Work = Callable[[], Coroutine[None, None, None]]
DUTIES: Final = ("sweeper", "archivist", "redriver", "herald")


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What the duties work with."""

    settings: GatewaySettings
    store: AsyncJobStore
    publisher: CommandPublisher
    registry: Registry
    deliveries: DeadLetterQueue
    depths: QueueDepths
    catalogue: Catalogue
    metrics: Metrics
    letters: LetterMetrics
    queues: QueueDesk

    def works(self, duties: Sequence[Duty]) -> list[Work]:
        """Return what runs for ever; `duties` are those of DUTIES, in that order."""
        sweeping, archiving, redriving, heralding = duties
        return [
            *(duty.keep for duty in duties),
            *self._sweeping(sweeping),
            self._archivist(archiving).archive,
            self._redriver(redriving).redrive,
            self._herald(heralding).tell,
        ]

    def _sweeping(self, duty: Duty) -> list[Work]:
        sweeper = Sweeper(
            store=self.store,
            publisher=self.publisher,
            registry=self.registry,
            duty=duty,
            metrics=self.metrics,
            lease_ms=self.settings.lease_ms,
        )
        overdue = OverdueWatch(
            store=self.store,
            publisher=self.publisher,
            registry=self.registry,
            depths=self.depths,
            duty=duty,
            metrics=self.metrics,
            after=self.settings.overdue_seconds,
        )
        queues = QueueWatch(
            desk=self.queues,
            duty=duty,
            metrics=self.metrics,
            queues=QueueMetrics(self.metrics.registry),
        )
        outbox = OutboxWatch(
            store=self.store,
            registry=self.registry,
            duty=duty,
            metrics=self.metrics,
            outbox=OutboxMetrics(self.metrics.registry),
        )
        weeder = Weeder(store=self.store, registry=self.registry, duty=duty, metrics=self.metrics)
        return [sweeper.tick, sweeper.sweep, overdue.watch, queues.watch, outbox.watch, weeder.weed]

    def _archivist(self, duty: Duty) -> Archivist:
        return Archivist(
            deliveries=self.deliveries,
            store=self.store,
            publisher=self.publisher,
            duty=duty,
            metrics=self.metrics,
        )

    def _redriver(self, duty: Duty) -> Redriver:
        return Redriver(
            store=self.store,
            publisher=self.publisher,
            registry=self.registry,
            duty=duty,
            metrics=self.metrics,
            letters=self.letters,
        )

    def _herald(self, duty: Duty) -> Herald:
        settings = self.settings
        return Herald(
            store=self.store,
            publisher=self.publisher,
            registry=self.registry,
            catalogue=self.catalogue,
            duty=duty,
            links=Renderer(settings.base_url, settings.public_stream_url).links,
            metrics=self.metrics,
            webhooks=WebhookMetrics(self.metrics.registry),
            retention=round(settings.retention_seconds * 1000),
        )
