"""What is counted on the way of every request: plain numbers, until Prometheus asks.

Its own histogram takes two locks and walks through the buckets for each observation; these belong
to the event loop's thread alone.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class Tally(Collector):
    """A counter; `name` has no `_total`, which the format adds."""

    def __init__(self, name: str, words: str, *labels: str) -> None:
        """Nothing is counted yet."""
        self._described = (name, words)
        self._labels: Final = labels
        self._counts: dict[Labels, int] = {}

    def add(self, labels: Labels, count: int = 1) -> None:
        """Count; 0 makes it be there from the start."""
        self._counts[labels] = self._counts.get(labels, 0) + count

    def describe(self) -> Iterable[Metric]:
        """Name it, so that nobody else takes the name."""
        yield CounterMetricFamily(*self._described, labels=self._labels)

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus reads."""
        family = CounterMetricFamily(*self._described, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class _Timing:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0


class Timings(Collector):
    """A histogram of durations in seconds; `bounds` ascend, and one without an end follows."""

    def __init__(self, name: str, words: str, *labels: str, bounds: Sequence[float]) -> None:
        """Nothing is observed yet."""
        self._described = (name, words)
        self._labels: Final = labels
        self._bounds: Final = tuple(bounds)
        self._edges: Final = (*(str(float(bound)) for bound in bounds), "+Inf")
        self._timings: dict[Labels, _Timing] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one duration in the first bucket whose bound it does not exceed."""
        timing = self._timings.get(labels)
        if timing is None:
            timing = self._timings[labels] = _Timing(len(self._bounds) + 1)
        timing.counts[bisect_left(self._bounds, seconds)] += 1
        timing.total += seconds

    def describe(self) -> Iterable[Metric]:
        """Name it, so that nobody else takes the name."""
        yield HistogramMetricFamily(*self._described, labels=self._labels)

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus reads: buckets that each hold those before."""
        family = HistogramMetricFamily(*self._described, labels=self._labels)
        for labels, timing in self._timings.items():
            family.add_metric(labels, self._cumulated(timing), timing.total)
        yield family

    def _cumulated(self, timing: _Timing) -> list[tuple[str, float]]:
        so_far, buckets = 0, []
        for bound, count in zip(self._edges, timing.counts, strict=True):
            so_far += count
            buckets.append((bound, float(so_far)))
        return buckets
