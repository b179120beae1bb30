"""What is told about the outbox, by the process with the duty."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class OutboxMetrics(Collector):
    """Two gauges in the gateway's registry; absent in a process without the duty."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Tell nothing yet."""
        self._told: tuple[int, float] | None = None
        registry.register(self)

    def tell(self, entries: int, oldest_age: float) -> None:
        """Say how many messages wait for their confirm, and for how long (s) the eldest does."""
        self._told = (entries, oldest_age)

    def forget(self) -> None:
        """Tell nothing: another process has the duty, or nobody knows."""
        self._told = None

    def describe(self) -> Iterable[Metric]:
        """Name them, so that nobody else takes the names."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus reads."""
        entries, age = self._families()
        if self._told is not None:
            entries.add_metric([], self._told[0])
            age.add_metric([], self._told[1])
        return entries, age

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        told = "; told by the process with the duty."
        return (
            GaugeMetricFamily(
                "waymark_outbox_entries",
                f"Messages that must exist and that the broker has not confirmed{told}",
                labels=[],
            ),
            GaugeMetricFamily(
                "waymark_outbox_oldest_age_seconds",
                f"For how long the eldest of them has waited, 0 when none does{told}",
                labels=[],
            ),
        )
