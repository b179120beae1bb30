"""What is counted on the way of every request: plain numbers, until Prometheus asks.

Its own histogram takes two locks and walks through the buckets for each observation; these belong
to the event loop's thread alone.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]
Bounds = Sequence[float]
MOST_QUEUES: Final = 200  # that are told apart; the others together
OTHER_METHOD: Final = "(other)"
NOWHERE: Final = "(none)"  # the route of a path that has none


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

    def __init__(self, name: str, words: str, *labels: str, bounds: Bounds) -> None:
        """Nothing is observed yet."""
        self._described = (name, words)
        self._labels: Final = labels
        self._bounds: Final = tuple(bounds)
        self._timings: dict[Labels, _Timing] = {}

    def expect(self, labels: Labels) -> None:
        """Be there from the start."""
        self._timings.setdefault(labels, _Timing(len(self._bounds) + 1))

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
            family.add_metric(labels, cumulated(timing, self._bounds), timing.total)
        yield family


class Requests(Collector):
    """Answered requests: a counter by status, and a histogram by its class (2xx), from one tally.

    A histogram has 17 series, so it does not get one for each status of each route.
    """

    def __init__(
        self, counter: tuple[str, str], histogram: tuple[str, str], bounds: Bounds
    ) -> None:
        """Nothing is counted yet; names and words of both, in seconds."""
        self._counter, self._histogram = counter, histogram
        self._bounds: Final = tuple(bounds)
        self._timings: dict[tuple[str, str, int], _Timing] = {}
        self._routes: set[tuple[str, str]] = set()

    def expect(self, method: str, route: str, statuses: Iterable[int]) -> None:
        """Be there from the start; requests that nobody expected are counted together."""
        self._routes.add((method, route))
        for status in statuses:
            self._timings.setdefault((method, route, status), _Timing(len(self._bounds) + 1))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        timing = self._timings.get((method, route, status))
        if timing is None:
            timing = self._another(method, route, status)
        timing.counts[bisect_left(self._bounds, seconds)] += 1
        timing.total += seconds

    def describe(self) -> Iterable[Metric]:
        """Name them, so that nobody else takes the names."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus reads."""
        counter, histogram = self._families()
        classes: dict[tuple[str, str, str], _Timing] = {}
        for (method, route, status), timing in self._timings.items():
            counter.add_metric((method, route, str(status)), sum(timing.counts))
            labels = (method, route, f"{status // 100}xx")
            known = classes.setdefault(labels, _Timing(len(self._bounds) + 1))
            known.counts = [a + b for a, b in zip(known.counts, timing.counts, strict=True)]
            known.total += timing.total
        for its_labels, timing in classes.items():
            histogram.add_metric(its_labels, cumulated(timing, self._bounds), timing.total)
        return counter, histogram

    def _families(self) -> tuple[CounterMetricFamily, HistogramMetricFamily]:
        labels = ("method", "route", "status")
        return (
            CounterMetricFamily(*self._counter, labels=labels),
            HistogramMetricFamily(*self._histogram, labels=labels),
        )

    def _another(self, method: str, route: str, status: int) -> _Timing:
        if (method, route) not in self._routes:
            method, route = OTHER_METHOD, NOWHERE
        return self._timings.setdefault((method, route, status), _Timing(len(self._bounds) + 1))


def cumulated(timing: _Timing, bounds: Bounds) -> list[tuple[str, float]]:
    """Return buckets that each hold those before, by their upper bound."""
    edges = (*(str(float(bound)) for bound in bounds), "+Inf")
    return [
        (edge, float(count)) for edge, count in zip(edges, accumulate(timing.counts), strict=True)
    ]
