"""The spans of an attempt: whose part each is, and that nobody pays who wants none."""

import pytest

from services.worker.slots.terms import Called, Raised, Returned
from shared.contracts.job import Attempt, JobRecord, Outcome
from shared.contracts.tracing import span_id_of, span_id_of_attempt
from shared.runtime.tracing.spans import Span
from tests.fakes.bench import Bench
from tests.fakes.jobs import record

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALL = Called(
    name="POST", span_id="0c" * 8, began_at=1, ended_at=2, facts={"http.request.method": "POST"}
)
BOOM = Raised(kind="error", code="", message="secret", type="ValueError", traceback="secret")


def an_attempt(number: int, ended: Outcome | None) -> Attempt:
    return Attempt(
        number=number,
        started_at=1_000 * number,
        finished_at=None if ended is None else 1_000 * number + 1,
        outcome=ended,
        error=None,
        worker="w",
    )


def a_job(traceparent: str | None = PARENT) -> JobRecord:
    attempts = (an_attempt(1, Outcome.FAILED), an_attempt(2, None))
    return record(attempt=2, attempts=attempts, traceparent=traceparent, tracestate="a=1")


def named(bench: Bench) -> dict[str, Span]:
    return {span.name: span for span in bench.spans}


def test_each_span_is_a_part_of_the_right_one() -> None:
    bench = Bench([CALL, Returned("1")], job=a_job(), traced=True)
    bench.run()

    spans = named(bench)
    assert set(spans) == {"process waymark.default", "attempt 2", "settle", "POST"}
    process, attempt = spans["process waymark.default"], spans["attempt 2"]
    assert process.parent == span_id_of(PARENT)
    assert attempt.parent == spans["settle"].parent == span_id_of(process.traceparent)
    assert spans["POST"].parent == span_id_of(attempt.traceparent)
    assert spans["POST"].traceparent[36:52] == CALL.span_id
    assert {span.tracestate for span in spans.values()} == {"a=1"}
    assert process.began_at <= attempt.began_at <= attempt.ended_at <= process.ended_at


def test_an_attempt_is_linked_to_those_before_it_and_can_be_named_by_later_ones() -> None:
    bench = Bench([Returned("1")], job=a_job(), traced=True)
    bench.run()

    span = named(bench)["attempt 2"]
    assert span_id_of(span.traceparent) == span_id_of_attempt(PARENT, 2, 2_000)
    assert [span_id_of(one) for one in span.linked] == [span_id_of_attempt(PARENT, 1, 1_000)]


def test_the_handler_gets_the_span_of_its_attempt_to_hand_on() -> None:
    bench = Bench([Returned("1")], job=a_job(), traced=True)
    bench.run()

    (assignment,) = bench.slots.assigned
    assert assignment.traceparent == named(bench)["attempt 2"].traceparent
    assert (assignment.tracestate, assignment.traced) == ("a=1", True)


def test_a_fault_is_a_word_and_no_text_of_an_error() -> None:
    bench = Bench([BOOM], job=a_job(), traced=True)
    bench.run()

    attempt = named(bench)["attempt 2"]
    assert (attempt.fault, attempt.facts["error.type"]) == ("failed", "failed")
    assert "secret" not in str(bench.spans)


@pytest.mark.parametrize(
    ("traced", "parent"), [(False, PARENT), (True, PARENT[:-2] + "00"), (True, None)]
)
def test_a_trace_that_nobody_wants_is_handed_on_as_it_is(traced: bool, parent: str | None) -> None:
    bench = Bench([CALL, Returned("1")], job=a_job(parent), traced=traced)
    bench.run()

    (assignment,) = bench.slots.assigned
    assert (assignment.traceparent, assignment.traced) == (parent, False)
    assert bench.spans == []
