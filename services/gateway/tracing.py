"""Which trace a call belongs to, and its spans: the call's own, and one for each job it publishes.

The job's traceparent names the span that publishes it: that one is drawn before there is anything
to publish, and its parent can be told from it and the job's id. So no table is kept between them.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec.structs import replace
from starlette.datastructures import Headers as HeadersOfScope
from starlette.requests import Request
from starlette.types import Scope

from shared.contracts.errors import WaymarkError
from shared.contracts.job import JobRecord
from shared.contracts.operations import Submit
from shared.contracts.topology import work_queue
from shared.contracts.tracing import (
    TraceContext,
    read_context,
    span_id_of,
    traceparent,
    with_span,
)
from shared.runtime.tracing.spans import Fact, Kind, Span, Tracer, new_span_id

_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8
_LOW_BITS: Final = 2**64 - 1
_LAST_FOR_ALL: Final = 2**64  # of the low half of a trace id; as OpenTelemetry's ratio sampler
_SERVER_FAULT: Final = 500
_CALL: Final = "waymark.call"  # of a request's scope, as the next
_CONTEXT: Final = "waymark.trace"


class Headers(Protocol):
    """The headers of a request, by their names in lower case."""

    def __contains__(self, name: object, /) -> bool:
        """Whether it is there."""

    def getlist(self, name: str) -> Sequence[str]:
        """Return the text of each that has this name."""


@dataclass(slots=True)
class Call:
    """A call whose span is told when it is over. `parent`: its client's span id, or ""."""

    context: TraceContext
    parent: str
    began_at: int
    makes_jobs: bool = False


class Tracing:
    """The gateway's part of a trace."""

    def __init__(
        self, tracer: Tracer, *, ratio: float = 1.0, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Tell spans to `tracer`; of the traces that begin here `ratio` (0-1) are kept."""
        self._tracer = tracer
        self._bound = round(ratio * _LAST_FOR_ALL)
        self._now_ns = now_ns

    @property
    def on(self) -> bool:
        """Whether anybody wants spans."""
        return self._tracer.on

    def begin_request(self, scope: Scope) -> Call | None:
        """Begin the span of a request of the app's, and let its route know both."""
        headers = HeadersOfScope(scope=scope)
        scope[_CONTEXT] = context = self.context_of(headers)
        scope[_CALL] = call = self.begin(headers, context)
        return call

    def of_request(self, request: Request) -> TraceContext:
        """Return the trace context of a request of the app's: drawn once, kept or not."""
        known = request.scope.get(_CONTEXT)
        return known if isinstance(known, TraceContext) else self.context_of(request.headers)

    def context_of(self, headers: Headers) -> TraceContext:
        """Return the W3C trace context of a request; where it has none that counts, a new one."""
        if "traceparent" not in headers:
            return self._new()
        read = read_context(headers.getlist("traceparent"), headers.getlist("tracestate"))
        return read or self._new()

    def begin(self, headers: Headers, context: TraceContext) -> Call | None:
        """Begin the span of a request of this context; None where nobody wants it."""
        if not self._tracer.wants(context.traceparent):
            return None
        known = read_context(headers.getlist("traceparent"), ()) is not None
        parent = span_id_of(context.traceparent) if known else ""
        own = with_span(context.traceparent, new_span_id())
        return Call(context._replace(traceparent=own), parent, self._now_ns())

    def end(self, call: Call, method: str, route: str, status: int) -> None:
        """Tell the span of a call; of one that came with no trace only if it has made jobs."""
        if not (call.parent or call.makes_jobs):
            return
        facts: dict[str, Fact] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
        self._tracer.tell(
            Span(
                name=f"{method} {route}",
                kind=Kind.SERVER,
                traceparent=call.context.traceparent,
                tracestate=call.context.tracestate,
                parent=call.parent,
                began_at=call.began_at,
                ended_at=self._now_ns(),
                facts=facts,
                fault=str(status) if status >= _SERVER_FAULT else None,
            )
        )

    def published(
        self, jobs: Sequence[JobRecord], faults: Sequence[WaymarkError | None], began_at: int
    ) -> None:
        """Tell of messages that were handed to the broker together."""
        ended_at = self._now_ns()
        for job, fault in zip(jobs, faults, strict=True):
            if job.traceparent is not None and self._tracer.wants(job.traceparent):
                self._tracer.tell(_publishing(job, job.traceparent, fault, began_at, ended_at))

    def _new(self) -> TraceContext:
        drawn = os.urandom(_TRACE_BYTES + _SPAN_BYTES)
        sampled = int.from_bytes(drawn[_SPAN_BYTES:_TRACE_BYTES], "big") < self._bound
        text = drawn.hex()
        split = 2 * _TRACE_BYTES
        return TraceContext(traceparent(text[:split], text[split:], sampled=sampled))


def of_call(operation: Submit, call: Call) -> Submit:
    """Return the submit of a call that has a span: its job is published by one of its own."""
    call.makes_jobs = True
    own = call.context.traceparent
    named = with_span(own, _crossed(span_id_of(own), operation.job))
    return replace(operation, traceparent=named, tracestate=call.context.tracestate)


def call_of(request: Request) -> Call | None:
    """Return the call that a request of the app's is, where it has a span."""
    call = request.scope.get(_CALL)
    return call if isinstance(call, Call) else None


def _publishing(
    job: JobRecord, own: str, fault: WaymarkError | None, began_at: int, ended_at: int
) -> Span:
    queue = work_queue(job.queue, job.priority)
    return Span(
        name=f"publish {queue}",
        kind=Kind.PRODUCER,
        traceparent=own,
        tracestate=job.tracestate,
        parent=_crossed(span_id_of(own), job.id),
        began_at=began_at,
        ended_at=ended_at,
        facts={
            "messaging.system": "rabbitmq",
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": queue,
            "messaging.message.id": job.id,
            "waymark.job.type": job.type,
            "waymark.tenant": job.tenant,
        },
        fault=None if fault is None else fault.code,
    )


def _crossed(span_id: str, job: str) -> str:
    """Return a span id of which, asked with the same job, comes the first again."""
    return f"{int(span_id, 16) ^ (int(job.replace('-', ''), 16) & _LOW_BITS):016x}"
