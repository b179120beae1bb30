"""Which trace a call belongs to: its client's, or a new one, so that its lines can be found."""

import os
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from shared.contracts.tracing import TraceContext, read_context, traceparent

_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8


class Headers(Protocol):
    """The headers of a request, by their names in lower case."""

    def __contains__(self, name: object, /) -> bool:
        """Whether it is there."""

    def getlist(self, name: str) -> Sequence[str]:
        """Return the text of each that has this name."""


def context_of(headers: Headers, begin: Callable[[], TraceContext]) -> TraceContext:
    """Return the W3C trace context of a request; where it has none that is well-formed, `begin`."""
    if "traceparent" not in headers:
        return begin()
    read = read_context(headers.getlist("traceparent"), headers.getlist("tracestate"))
    return read or begin()


def new_trace() -> TraceContext:
    """Begin a trace."""
    drawn = os.urandom(_TRACE_BYTES + _SPAN_BYTES).hex()
    return TraceContext(
        traceparent(drawn[: 2 * _TRACE_BYTES], drawn[2 * _TRACE_BYTES :], sampled=True)
    )
