"""What the notifier counts, as `waymark_notifier_…`; plain numbers until Prometheus asks."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.notifier.hub import Hub


class NotifierCollector(Collector):
    """Reads the hub's numbers at each scrape: counting costs nothing on the way of an event."""

    def __init__(self, hub: Callable[[], Hub | None], reconnects: Callable[[], int]) -> None:
        """`hub` is None until the app has started."""
        self._hub = hub
        self._reconnects = reconnects

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not need a hub."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        yield CounterMetricFamily(
            "waymark_notifier_feed_reconnects",
            "Times the connection to the event feed was lost and made again.",
            self._reconnects(),
        )
        hub = self._hub()
        if hub is None:
            return
        board, tally = hub.switchboard, hub.tally
        delivered = {"transition": tally.transitions, "progress": tally.progress}
        yield _gauge("connections", "Open connections.", tally.connections)
        yield _gauge("subscriptions", "Pairs of a connection and a job.", board.watched)
        yield _gauge("tenants", "Tenants subscribed or lingering.", board.tenants)
        yield _counter("readings", "Places of jobs read from the store.", board.readings)
        yield _counter(
            "resyncs", "Times all watched jobs of all tenants were read again.", board.gaps
        )
        yield _counters("deliveries", "Events written to a connection.", "type", delivered)
        yield _counters("closes", "Connections closed, by code or who left.", "code", tally.closed)
        yield _counters("refusals", "Handshakes refused, by status.", "status", tally.refused)


def build_registry(
    hub: Callable[[], Hub | None], reconnects: Callable[[], int]
) -> CollectorRegistry:
    """Return the registry behind /metrics."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(NotifierCollector(hub, reconnects))
    return registry


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"waymark_notifier_{name}", text, value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"waymark_notifier_{name}", text, value)


def _counters(name: str, text: str, label: str, values: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"waymark_notifier_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
