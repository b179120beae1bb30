"""Spans as a collector gets them: OTLP over HTTP, for real."""

import pytest

from shared.runtime.tracing.exporting import CollectorAway
from shared.runtime.tracing.otlp import Collector, endpoint_of
from shared.runtime.tracing.spans import Kind, Span
from tests.collector import collecting

TRACE, OWN, PARENT, OTHER = "0a" * 16, "0b" * 8, "0c" * 8, "0d" * 8
SPAN = Span(
    name="attempt 2",
    kind=Kind.CONSUMER,
    traceparent=f"00-{TRACE}-{OWN}-01",
    tracestate="a=1,b=2",
    parent=PARENT,
    began_at=1_790_000_000_000_000_001,
    ended_at=1_790_000_000_000_000_002,
    facts={"waymark.job.attempt": 2, "waymark.tenant": "acme", "share": 0.5, "is": True},
    linked=(f"00-{TRACE}-{OTHER}-01",),
    fault="timed_out",
)


def collector_at(url: str, **headers: str) -> Collector:
    return Collector(url, headers=headers, service="worker", version="v7", instance="w-1")


def test_a_span_arrives_as_it_was_told() -> None:
    with collecting() as far:
        collector_at(far.url, authorization="Bearer 1").send([SPAN])

    (span,) = far.spans
    assert far.paths == ["/v1/traces"]
    assert far.headers[0]["authorization"] == "Bearer 1"
    assert (span.name, span.kind, span.failed) == ("attempt 2", "consumer", True)
    assert (span.trace_id, span.span_id, span.parent) == (TRACE, OWN, PARENT)
    assert (span.links, span.state) == ((OTHER,), "a=1,b=2")
    assert (span.began_at, span.ended_at) == (SPAN.began_at, SPAN.ended_at)
    assert span.facts == SPAN.facts
    assert span.resource == {
        "service.namespace": "waymark",
        "service.name": "worker",
        "service.version": "v7",
        "service.instance.id": "w-1",
    }


def test_a_collector_that_refuses_is_told_of() -> None:
    with collecting() as far:
        far.status = 400
        with pytest.raises(CollectorAway):
            collector_at(far.url).send([SPAN])

    assert far.spans == []


def test_a_collector_that_is_not_there_is_told_of_in_time() -> None:
    with collecting() as far:
        url = far.url
    gone = collector_at(url)
    gone.hang_up()

    with pytest.raises(CollectorAway):
        gone.send([SPAN])


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("https://c/otlp", "https://c/otlp/v1/traces"),
        ("https://c/otlp/v1/traces", "https://c/otlp/v1/traces"),
    ],
)
def test_the_usual_path_need_not_be_named(url: str, endpoint: str) -> None:
    assert endpoint_of(url) == endpoint
