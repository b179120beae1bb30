"""What every service tells of its process: its build, its resources, its warnings, its store."""

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.runtime import logs


def build_registry(service: str, *, version: str, revision: str) -> CollectorRegistry:
    """Return the registry behind /metrics, with what each service has."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each counter that nobody asks for
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Gauge(
        "waymark_build_info",
        "1: which service this is, of which version, built from which revision.",
        ("service", "version", "revision"),
        registry=registry,
    )
    build.labels(service, version, revision).set(1)
    registry.register(_LogLines())
    return registry


def tell_of_store(registry: CollectorRegistry, evicting: Callable[[], str | None]) -> None:
    """Tell of a store that evicts; `evicting` says how, None while it does not."""
    gauge = Gauge(
        "waymark_store_evicts",
        "1 while Redis may evict what was accepted: its maxmemory-policy is not noeviction.",
        registry=registry,
    )
    gauge.set_function(lambda: evicting() is not None)


class _LogLines(Collector):
    """Reads the tally of the log at each scrape."""

    def describe(self) -> Iterable[Metric]:
        """Name it, so that nobody else takes the name."""
        yield self._family()

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus reads."""
        family = self._family()
        for level, count in logs.tally.counts.items():
            family.add_metric([level], count)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(
            "waymark_log_lines",
            "Lines that this process logged (not what handlers log in their slots), by level.",
            labels=["level"],
        )
