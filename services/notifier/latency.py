"""How long events are on their way: from the store's script to the last socket they are written to.

By the store's clock and ours, so no better than the two agree; on one machine they do.
"""

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Final

from services.notifier.flushing import Flusher
from shared.stream.merge import Event

BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_TIME_SIZE: Final = len("2026-11-20T23:42:37.901Z")
_AT: Final = b'"at":"'
_UPDATED_AT: Final = b'"updated_at":"'


def published_at(event: Event) -> float | None:
    """Return when the store wrote an event (seconds since the epoch), as its frame says."""
    if event.transition:
        start = event.frame.find(_AT) + len(_AT)
    else:
        # Behind what the handler reported: its words may look like anything.
        start = event.frame.rfind(_UPDATED_AT) + len(_UPDATED_AT)
    try:
        return datetime.fromisoformat(
            event.frame[start : start + _TIME_SIZE].decode("ascii")
        ).timestamp()
    except ValueError:
        return None


class Histogram:
    """Counts by upper bound, as Prometheus has them; the last is for all above."""

    def __init__(self) -> None:
        """Nothing was counted."""
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0  # seconds

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Latency:
    """Hears of each event that everybody was told, and counts it when it is written."""

    def __init__(self, flusher: Flusher, wall_clock: Callable[[], float]) -> None:
        """`wall_clock`: seconds since the epoch."""
        self.transitions = Histogram()
        self.progress = Histogram()  # what was thinned out waits up to 0.1 s, a busy loop's 1 s
        self._flusher = flusher
        self._wall_clock = wall_clock

    def told(self, event: Event) -> None:
        """Everybody was told, and writes it in the loop's next turn or soon after."""
        at = published_at(event)
        if at is not None:
            self._flusher.add(_Written(self, at, transition=event.transition))

    def written(self, at: float, *, transition: bool) -> None:
        """Count what was published at this time and is written now."""
        histogram = self.transitions if transition else self.progress
        histogram.observe(max(0.0, self._wall_clock() - at))


class _Written:
    """Waits in the flusher's line behind every connection that has the event to write."""

    __slots__ = ("_at", "_latency", "_transition")

    def __init__(self, latency: Latency, at: float, *, transition: bool) -> None:
        self._latency, self._at, self._transition = latency, at, transition

    def flush(self) -> None:
        """Be reached."""
        self._latency.written(self._at, transition=self._transition)
