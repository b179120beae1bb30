"""Spans as OpenTelemetry's exporter sends them: OTLP, protobuf over HTTP.

Loaded only where there is a collector: the libraries are as large as a small service.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from shared.contracts.tracing import is_sampled, span_id_of, trace_id_of
from shared.runtime.tracing.exporting import CollectorAway
from shared.runtime.tracing.spans import Kind, Span

SEND_SECONDS: Final = 5.0  # with all tries
_PATH: Final = "/v1/traces"
_KINDS: Final = {
    Kind.INTERNAL: SpanKind.INTERNAL,
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.PRODUCER: SpanKind.PRODUCER,
    Kind.CONSUMER: SpanKind.CONSUMER,
}
_SCOPE: Final = InstrumentationScope("waymark")


class Collector:
    """The collector at a URL."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str], service: str, version: str, instance: str
    ) -> None:
        """Describe it; `service`, `version` and `instance` say whose spans these are."""
        self._exporter = OTLPSpanExporter(
            endpoint=endpoint_of(url), headers=dict(headers), timeout=SEND_SECONDS
        )
        self._resource = Resource(
            {
                "service.namespace": "waymark",
                "service.name": service,
                "service.version": version,
                "service.instance.id": instance,
            }
        )

    def send(self, spans: Sequence[Span]) -> None:
        """Send spans, again where it makes sense, for at most 5 s.

        Raises:
            CollectorAway: it did not take them.
        """
        told = self._exporter.export([self._readable(span) for span in spans])
        if told is not SpanExportResult.SUCCESS:
            raise CollectorAway("the collector at WAYMARK_OTLP_URL does not take them")

    def hang_up(self) -> None:
        """Send no more, and wait for no further try."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span) -> ReadableSpan:
        # Made by hand, as the SDK's own tests do: ours were never open, so no tracer has made them.
        own, state = span.traceparent, span.tracestate
        parent = _context(f"{own[:36]}{span.parent}{own[52:]}", state) if span.parent else None
        status = Status(StatusCode.UNSET)
        if span.fault is not None:
            status = Status(StatusCode.ERROR, span.fault)
        return ReadableSpan(
            span.name,
            context=_context(own, state),
            parent=parent,
            resource=self._resource,
            attributes=span.facts,
            links=[Link(_context(other, None)) for other in span.linked],
            kind=_KINDS[span.kind],
            status=status,
            start_time=span.began_at,
            end_time=span.ended_at,
            instrumentation_scope=_SCOPE,
        )


def endpoint_of(url: str) -> str:
    """Return where spans go: a URL that names no path of its own means the usual one."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path.endswith(_PATH):
        path += _PATH
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _context(traceparent: str, state: str | None) -> SpanContext:
    return SpanContext(
        trace_id=int(trace_id_of(traceparent) or "0", 16),
        span_id=int(span_id_of(traceparent), 16),
        is_remote=True,
        trace_flags=TraceFlags(int(is_sampled(traceparent))),
        trace_state=TraceState.from_header([state] if state else []),
    )
