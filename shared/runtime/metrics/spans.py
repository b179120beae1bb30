"""What became of a process's spans."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.runtime.tracing.exporting import SpanExport


def tell_of_spans(registry: CollectorRegistry, export: SpanExport | None) -> None:
    """Tell of spans; all are 0 where there is no collector."""
    registry.register(_Spans(export))


class _Spans(Collector):
    """Reads the counts at each scrape."""

    def __init__(self, export: SpanExport | None) -> None:
        self._export = export

    def describe(self) -> Iterable[Metric]:
        """Name it, so that nobody else takes the name."""
        yield self._family()

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus reads."""
        family, export = self._family(), self._export
        family.add_metric(["exported"], export.exported if export else 0)
        family.add_metric(["dropped"], export.dropped if export else 0)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(
            "waymark_trace_spans",
            "Spans by what became of them; dropped: the collector was away, or too many waited.",
            labels=["outcome"],
        )
