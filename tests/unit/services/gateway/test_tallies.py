"""What the hot path counts reads as Prometheus' own numbers would."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

from services.gateway.tallies import Tally, Timings

BOUNDS = (0.005, 0.1, 1, 2.5)


def shown(*collectors: Collector) -> list[str]:
    """Return the lines of the exposition, without when each was made."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(st.lists(st.tuples(st.sampled_from(("a", "b")), st.floats(0, 10) | st.sampled_from(BOUNDS))))
def test_durations_are_shown_as_the_library_shows_them(
    durations: Sequence[tuple[str, float]],
) -> None:
    ours = Timings("took_seconds", "How long.", "queue", bounds=BOUNDS)
    theirs = Histogram("took_seconds", "How long.", ("queue",), buckets=BOUNDS, registry=None)
    for queue, seconds in durations:
        ours.observe((queue,), seconds)
        theirs.labels(queue).observe(seconds)

    assert shown(ours) == shown(theirs)


def test_counts_are_shown_as_the_library_shows_them() -> None:
    ours = Tally("done", "How many.", "queue", "outcome")
    theirs = Counter("done", "How many.", ("queue", "outcome"), registry=None)
    theirs.labels("", "accepted")
    ours.add(("", "accepted"), 0)
    for count in (1, 3):
        theirs.labels("q", "accepted").inc(count)
        ours.add(("q", "accepted"), count)

    assert shown(ours) == shown(theirs)


def test_a_name_is_taken_once() -> None:
    registry = CollectorRegistry()
    registry.register(Tally("done", "How many."))

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(Tally("done", "How many."))
