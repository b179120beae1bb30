"""What the hot path counts reads as Prometheus' own numbers would."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

from services.gateway.tallies import Requests, Tally, Timings

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


def requests() -> Requests:
    return Requests(("asked", "How many."), ("took_seconds", "How long."), BOUNDS)


def test_requests_are_counted_by_status_and_timed_by_its_class() -> None:
    ours = requests()
    ours.expect("GET", "/v1/jobs", (200, 304, 503))
    for status in (200, 200, 304, 503):
        ours.observe("GET", "/v1/jobs", status, 0.05)

    lines = shown(ours)

    assert 'asked_total{method="GET",route="/v1/jobs",status="200"} 2.0' in lines
    assert 'asked_total{method="GET",route="/v1/jobs",status="304"} 1.0' in lines
    assert 'took_seconds_count{method="GET",route="/v1/jobs",status="2xx"} 2.0' in lines
    assert 'took_seconds_count{method="GET",route="/v1/jobs",status="3xx"} 1.0' in lines
    both = requests()
    both.expect("GET", "/v1/jobs", (200, 202))
    both.observe("GET", "/v1/jobs", 200, 0.05)
    both.observe("GET", "/v1/jobs", 202, 2.0)
    lines = shown(both)
    assert 'took_seconds_count{method="GET",route="/v1/jobs",status="2xx"} 2.0' in lines
    assert 'took_seconds_bucket{le="0.1",method="GET",route="/v1/jobs",status="2xx"} 1.0' in lines
    assert 'took_seconds_sum{method="GET",route="/v1/jobs",status="2xx"} 2.05' in lines


def test_what_a_route_may_answer_is_there_at_0() -> None:
    ours = requests()
    ours.expect("POST", "/v1/jobs", (202, 503))

    lines = shown(ours)

    assert 'asked_total{method="POST",route="/v1/jobs",status="503"} 0.0' in lines
    assert 'took_seconds_count{method="POST",route="/v1/jobs",status="5xx"} 0.0' in lines


def test_requests_that_nobody_expected_are_counted_together() -> None:
    ours = requests()
    ours.expect("POST", "/v1/jobs", (202,))
    for number in range(50):
        ours.observe("GET", f"/made/up/{number}", 404, 0.01)
    ours.observe("DELETE", "/v1/jobs", 405, 0.01)

    counts = [line for line in shown(ours) if line.startswith("asked_total")]

    assert counts == [
        'asked_total{method="POST",route="/v1/jobs",status="202"} 0.0',
        'asked_total{method="(other)",route="(none)",status="404"} 50.0',
        'asked_total{method="(other)",route="(none)",status="405"} 1.0',
    ]
