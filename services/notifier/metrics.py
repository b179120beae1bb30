"""What the notifier counts, as `waymark_notifier_…`; plain numbers until Prometheus asks."""

from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from services.notifier.hub import Hub
from services.notifier.latency import BUCKETS, Histogram


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
            "holes",
            "Times that events of a tenant were lost without a word, and read again.",
            board.holes,
        )
        yield _counter(
            "resyncs", "Times all watched jobs of all tenants were read again.", board.gaps
        )
        yield _counters("deliveries", "Events written to a connection.", "type", delivered)
        conflated = {
            "job": board.thinner.thinned,
            "connection": tally.conflated,
            "process": board.teller.dropped,
        }
        yield _counters("conflated", "Progress that a newer one made superfluous.", "by", conflated)
        yield _gauge(
            "slow_connections", "Connections whose client reads too slowly.", len(hub.slow)
        )
        waiting = sum(outlet.waiting for outlet in hub.slow)
        yield _gauge("waiting_bytes", "What waits for slow clients.", waiting)
        yield _gauge("waiting_events", "Events that are not told yet.", len(board.teller))
        yield _gauge("loop_lag_seconds", "How late the event loop is.", hub.lag.seconds)
        yield _gauge(
            "progress_interval_seconds",
            "The least between two progress frames of a job.",
            board.thinner.every,
        )
        yield _gauge(
            "overloaded",
            "1 while nobody is let in because the loop is late.",
            hub.lag.is_overloaded,
        )
        yield _histograms(
            "publish_to_socket_seconds",
            "From the store's script to the last socket; of progress with its thinning.",
            "type",
            {"transition": hub.latency.transitions, "progress": hub.latency.progress},
        )
        yield _gauge("draining", "1 while clients are asked to move.", hub.drain.begun)
        yield _gauge(
            "connections_limit", "Connections that there may be; 0: any.", hub.door.crowd.most
        )
        yield _counters("closes", "Connections closed, by code or who left.", "code", tally.closed)
        yield _counters("refusals", "Handshakes refused, by status.", "status", tally.refused)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"waymark_notifier_{name}", text, value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"waymark_notifier_{name}", text, value)


def _histograms(
    name: str, text: str, label: str, values: dict[str, Histogram]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(f"waymark_notifier_{name}", text, labels=[label])
    for value, histogram in values.items():
        counts = accumulate(histogram.counts)
        bounds = (*map(str, BUCKETS), "+Inf")
        buckets = [(bound, float(count)) for bound, count in zip(bounds, counts, strict=True)]
        family.add_metric([value], buckets, histogram.total)
    return family


def _counters(name: str, text: str, label: str, values: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"waymark_notifier_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
