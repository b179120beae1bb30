"""A collector of OpenTelemetry's for tests: takes OTLP over HTTP on loopback, keeps the spans."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Exported:
    """One span as it came in; ids in hex, times in ns since the epoch."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    state: str
    facts: dict[str, Any]
    links: tuple[str, ...]
    began_at: int
    ended_at: int
    failed: bool
    resource: dict[str, Any]


@dataclass
class Collector:
    """What has come in so far; `status` is what the next requests are answered with."""

    url: str
    spans: list[Exported] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200

    def of(self, trace_id: str) -> list[Exported]:
        """The spans of a trace."""
        return [span for span in list(self.spans) if span.trace_id == trace_id]

    def take(self, body: bytes) -> None:
        """Read one request."""
        request = ExportTraceServiceRequest.FromString(body)
        for one in request.resource_spans:
            resource = _facts(one.resource.attributes)
            for scope in one.scope_spans:
                self.spans += [_exported(span, resource) for span in scope.spans]


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Run one on a free port, or on `port`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.headers.append({name.lower(): text for name, text in self.headers.items()})
            collector.paths.append(self.path)
            if collector.status == 200:
                collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(collector.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _exported(span: Any, resource: dict[str, Any]) -> Exported:
    kinds = ("", "internal", "server", "client", "producer", "consumer")
    return Exported(
        service=str(resource["service.name"]),
        name=span.name,
        kind=kinds[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        state=span.trace_state,
        facts=_facts(span.attributes),
        links=tuple(link.span_id.hex() for link in span.links),
        began_at=span.start_time_unix_nano,
        ended_at=span.end_time_unix_nano,
        failed=span.status.code == 2,
        resource=resource,
    )


def _facts(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
