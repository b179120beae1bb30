"""Lets what a handler calls join the job's trace: OpenTelemetry's context around the handler.

Only where OpenTelemetry is loaded by then: whoever does not use it pays nothing.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from services.worker.slots.terms import Assignment
from shared.contracts.tracing import is_sampled, span_id_of, trace_id_of

_API: Final = "opentelemetry.trace"


def joined(assignment: Assignment) -> AbstractContextManager[None]:
    """Make the attempt's span the current one, as far as OpenTelemetry is concerned."""
    if assignment.traceparent is None or _API not in sys.modules:
        return nullcontext()
    return _attached(assignment.traceparent, assignment.tracestate)


@contextmanager
def _attached(parent: str, state: str | None) -> Iterator[None]:
    # Here and not above: of a worker without instrumented handlers it would make every slot larger.
    from opentelemetry import context, trace  # noqa: PLC0415

    span = trace.SpanContext(
        trace_id=int(trace_id_of(parent) or "", 16),
        span_id=int(span_id_of(parent), 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(is_sampled(parent))),
        trace_state=trace.TraceState.from_header([state] if state else []),
    )
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(span)))
    try:
        yield
    finally:
        context.detach(token)
