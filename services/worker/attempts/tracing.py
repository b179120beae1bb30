"""The spans of an attempt: `process` around it all, the attempt itself, its settling.

They are told by this process, when all is over: a slot only sends up what its handler has called.
"""

import time
from collections.abc import Callable
from typing import Final

from services.worker.attempts.attempt import Attempt
from services.worker.intake.deliveries import Answer
from services.worker.slots.terms import Called
from shared.contracts.job import JobRecord, Outcome
from shared.contracts.topology import work_queue
from shared.contracts.tracing import span_id_of, span_id_of_attempt, with_span
from shared.runtime.tracing.spans import Fact, Kind, Span, Tracer, new_span_id

MOST_LINKS: Final = 32  # to the attempts before, the latest
_NO_FAULT: Final = frozenset({Outcome.SUCCEEDED, Outcome.INTERRUPTED, Outcome.CANCELLED})


class AttemptTrace:
    """One attempt whose spans somebody may want; for one thread."""

    def __init__(
        self, attempt: Attempt, tracer: Tracer, *, received_at: int, now_ns: Callable[[], int]
    ) -> None:
        """Begin; the delivery was `received_at` (ns since the epoch)."""
        self._job = attempt.job
        self._tracer = tracer
        self._now_ns = now_ns
        self.wanted = tracer.wants(attempt.job.traceparent)
        self.traceparent = attempt.job.traceparent  # what the handler may hand on
        if self.traceparent is None or not self.wanted:
            return
        self._of_job = self.traceparent
        self._process = with_span(self._of_job, new_span_id())
        self.traceparent = self._own = _spans_of_attempts(self._job, self._of_job)[-1]
        self._received_at = received_at
        self._began_at = now_ns()
        self._ended_at = 0
        self._outcome: Outcome | None = None

    def called(self, call: Called) -> None:
        """The handler has called somebody."""
        if self.wanted:
            self._tell(
                call.name,
                Kind.CLIENT,
                (with_span(self._own, call.span_id), self._own),
                (call.began_at, call.ended_at),
                call.facts,
                fault=call.fault,
            )

    def ran(self) -> None:
        """The handler has ended, however that was."""
        if self.wanted:
            self._ended_at = self._now_ns()

    def settled(self, outcome: Outcome) -> None:
        """What came of it stands in the record."""
        if self.wanted:
            self._outcome = outcome

    def over(self, answer: Answer) -> None:
        """The broker is answered, or will be."""
        if not self.wanted:
            return
        now, outcome = self._now_ns(), self._outcome or Outcome.WORKER_LOST
        fault = None if outcome in _NO_FAULT else outcome.value
        job, queue = self._job, work_queue(self._job.queue, self._job.priority)
        about: dict[str, Fact] = {
            "waymark.job.type": job.type,
            "waymark.job.attempt": job.attempt,
            "waymark.tenant": job.tenant,
            "waymark.outcome": outcome.value,
            **({"error.type": fault} if fault else {}),
        }
        broker: dict[str, Fact] = {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": queue,
            "messaging.message.id": job.id,
        }
        process = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
        settle = {"messaging.operation.name": answer.value, "messaging.operation.type": "settle"}
        self._tell(
            f"process {queue}", Kind.CONSUMER, (self._process, self._of_job),
            (self._received_at, now), {**broker, **process, **about}, fault=fault,
        )  # fmt: skip
        self._tell(
            f"attempt {job.attempt}", Kind.INTERNAL, (self._own, self._process),
            (self._began_at, self._ended_at), {"waymark.job.id": job.id, **about}, fault=fault,
            linked=_spans_of_attempts(job, self._of_job)[-1 - MOST_LINKS : -1],
        )  # fmt: skip
        self._tell(
            "settle", Kind.CLIENT, (with_span(self._own, new_span_id()), self._process),
            (self._ended_at, now), {**broker, **settle},
        )  # fmt: skip

    def _tell(
        self,
        name: str,
        kind: Kind,
        place: tuple[str, str],  # its own traceparent, that of the span it is a part of
        times: tuple[int, int],
        facts: dict[str, Fact],
        *,
        fault: str | None = None,
        linked: list[str] | None = None,
    ) -> None:
        self._tracer.tell(
            Span(
                name=name,
                kind=kind,
                traceparent=place[0],
                tracestate=self._job.tracestate,
                parent=span_id_of(place[1]),
                began_at=times[0],
                ended_at=times[1],
                facts=facts,
                linked=linked or (),
                fault=fault,
            )
        )


class Traces:
    """Begins the traces of attempts; for any thread."""

    def __init__(self, tracer: Tracer, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Tell spans to `tracer`."""
        self._tracer = tracer
        self._now_ns = now_ns

    def now(self) -> int:
        """Return the time, in ns since the epoch."""
        return self._now_ns()

    def begin(self, attempt: Attempt, *, received_at: int) -> AttemptTrace:
        """Begin an attempt whose delivery was `received_at`."""
        return AttemptTrace(attempt, self._tracer, received_at=received_at, now_ns=self._now_ns)


def _spans_of_attempts(job: JobRecord, of_job: str) -> list[str]:
    return [
        with_span(of_job, span_id_of_attempt(of_job, one.number, one.started_at))
        for one in job.attempts
    ]
