"""A span as its maker writes it down, and who takes it. Knows no OpenTelemetry.

Whoever begins something draws the id of its span (or knows it, see `shared.contracts.tracing`),
hands it on, and tells the span when it is over. So there is nothing that is open, nothing is bound
to a thread, and where nobody takes spans there is nothing to pay for.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from shared.contracts.tracing import is_sampled

Fact = str | int | float | bool
Take = Callable[["Span"], None]


class Kind(Enum):
    """What OpenTelemetry calls the kind of a span."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One thing that was done. Times in ns since the epoch; `facts` are its attributes.

    `traceparent` names the span itself, `parent` (a span id, or "") whose part it was; `linked`:
    the traceparents of others it has to do with. `fault`: a word for what went wrong, or None.
    """

    name: str
    kind: Kind
    traceparent: str
    parent: str
    began_at: int
    ended_at: int
    facts: Mapping[str, Fact]
    tracestate: str | None = None
    linked: Sequence[str] = ()
    fault: str | None = None


class Tracer:
    """Takes spans; any thread may tell one. It never blocks and never fails."""

    def __init__(self, take: Take | None = None) -> None:
        """Hand spans to `take`; None: nobody wants any."""
        self._take = take

    @property
    def on(self) -> bool:
        """Whether anybody wants spans."""
        return self._take is not None

    def wants(self, traceparent: str | None) -> bool:
        """Whether the spans of this trace are to be told."""
        return self._take is not None and traceparent is not None and is_sampled(traceparent)

    def tell(self, span: Span) -> None:
        """Take a span that is over."""
        if self._take is not None:
            self._take(span)


OFF = Tracer()


def new_span_id() -> str:
    """Draw one."""
    return os.urandom(8).hex()
