"""All the metrics of the house, as its services tell them when nothing has happened yet."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from services.gateway.audit.metrics import AuditMetrics
from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.housekeeping.metrics import OutboxMetrics
from services.gateway.metrics import Metrics
from services.gateway.queues.desk import QueueLine
from services.gateway.queues.metrics import QueueMetrics
from services.gateway.webhooks.metrics import WebhookMetrics
from services.notifier.bounds import Bounds
from services.notifier.hub import Hub
from services.notifier.metrics import NotifierCollector
from services.notifier.rules import Admission, Rules
from services.worker.metrics import WorkerMetrics
from shared.adapters.feed_redis import RedisFeed
from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts.catalog import CatalogEntry, Limits
from shared.contracts.errors import InvalidToken
from shared.contracts.queues import QueueTally
from shared.runtime.metrics.process import build_registry, tell_of_store
from shared.runtime.metrics.spans import tell_of_spans

QUEUE = "default"
NOWHERE = "redis://127.0.0.1"  # nothing is connected
OURS = "waymark_"
SUFFIX = {"counter": "_total"}
ITS_OWN = frozenset({"le"})  # labels that come with a type


@dataclass(frozen=True, slots=True)
class Family:
    """One metric, as it is asked for; `who` tells it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    words: str
    who: tuple[str, ...] = ()


@cache
def instruments() -> Sequence[Family]:
    """Return every metric of ours, by name."""
    told = {"gateway": gateway(), "notifier": notifier(), "worker": worker()}
    found: dict[str, Family] = {}
    for who, registry in told.items():
        for family in families(registry.collect()):
            known = found.get(family.name, family)
            found[family.name] = replace(known, who=(*known.who, who))
    return [found[name] for name in sorted(found)]


def rooms() -> Mapping[str, list[Family]]:
    """Return them by who tells them; what several tell stands first."""
    rooms: dict[str, list[Family]] = {
        name: [] for name in ("Several services", "Gateway", "Worker", "Notifier")
    }
    for family in instruments():
        title = family.who[0].capitalize() if len(family.who) == 1 else "Several services"
        rooms[title].append(family)
    return rooms


def families(metrics: Iterable[Metric]) -> Iterator[Family]:
    """Yield ours; each must have a sample, which shows its labels."""
    for metric in metrics:
        if metric.name.startswith(OURS):
            labels = dict.fromkeys(label for each in metric.samples for label in each.labels)
            yield Family(
                metric.name + SUFFIX.get(metric.type, ""),
                metric.type,
                tuple(label for label in labels if label not in ITS_OWN),
                metric.documentation,
            )


def gateway() -> CollectorRegistry:
    """Return what a gateway with every duty tells, of one queue and one type."""
    metrics = Metrics(_registry("gateway"))
    registry = metrics.registry
    metrics.expect([_entry()])
    metrics.expect_works(["Sweeper.tick"])
    AuditMetrics(registry)
    LetterMetrics(registry)
    WebhookMetrics(registry)
    OutboxMetrics(registry).tell(0, 0.0)
    line = QueueLine(name=QUEUE, tally=QueueTally(), workers=0, paused=None)
    QueueMetrics(registry).tell([line])
    tell_of_store(registry, lambda: None)
    tell_of_spans(registry, None)
    return registry


def worker() -> CollectorRegistry:
    """Return what a worker tells that serves one type."""
    metrics = WorkerMetrics(_registry("worker"))
    metrics.expect([_entry()])
    metrics.watch_store(lambda: None)
    tell_of_spans(metrics.registry, None)
    return metrics.registry


def notifier() -> CollectorRegistry:
    """Return what a notifier tells."""
    registry = _registry("notifier")
    hub = asyncio.run(_hub())
    registry.register(NotifierCollector(lambda: hub, lambda: 0))
    return registry


async def _hub() -> Hub:
    return Hub(
        AsyncRedisStore(NOWHERE),
        RedisFeed(NOWHERE),
        admit=_admit_nobody,
        rules=Rules(),
        bounds=Bounds(),
        origins=(),
    )


def _admit_nobody(_token: str) -> Admission:
    raise InvalidToken


def _registry(service: str) -> CollectorRegistry:
    return build_registry(service, version="", revision="")


def _entry() -> CatalogEntry:
    return CatalogEntry(
        type="csv.profile",
        version=1,
        summary="",
        queue=QUEUE,
        isolation="slot",
        limits=Limits(
            soft_time_limit_seconds=None,
            time_limit_seconds=None,
            retries=0,
            min_backoff_seconds=0,
            max_backoff_seconds=0,
        ),
        payload_schema={},
        result_schema=None,
    )
