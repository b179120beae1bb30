"""Everything the gateway counts. Labels are closed sets: never a tenant, never a job."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.gateway.ends import KINDS, REASONS
from services.gateway.tallies import (
    MOST_QUEUES,
    NOWHERE,
    OTHER_METHOD,
    Requests,
    Tally,
    Timings,
)
from shared.contracts.catalog import CatalogEntry
from shared.runtime.metrics.endings import OTHER, Endings
from shared.runtime.metrics.process import tell_of_store
from shared.runtime.metrics.publishing import Publishing

OUTCOMES: Final = (
    *("accepted", "replayed", "deduplicated", "conflict", "invalid", "too_large"),
    *("over_quota", "unavailable", "withheld"),
)
DUTIES: Final = (
    "tick",
    "sweep",
    "overdue",
    "archive",
    "redrive",
    "callbacks",
    "retention",
    "queues",
    "outbox",
)
_OF_NOWHERE: Final = (400, 404, 405, 408, 413, 431, 500, 503)
_ROUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_FAST: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)  # seconds
_HTTP: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class GateReason(StrEnum):
    """Why a request is turned away before anybody looks at what it asks for."""

    NO_CREDENTIAL = "no_credential"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    KEY_OVER = "key_over"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a reason
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a reason
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a reason
    FORBIDDEN = "forbidden"
    STORE_AWAY = "store_away"
    TENANT_RATE = "tenant_rate"
    PAGES_RATE = "pages_rate"
    TOKEN_RATE = "token_rate"  # noqa: S105 - a reason
    ADDRESS_RATE = "address_rate"


class Metrics:
    """The gateway's numbers, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Everything starts at zero, and is there from the start."""
        self.registry = registry or CollectorRegistry()
        self._queues = {"": ""}  # by name, the label of each
        self._http = Requests(
            ("waymark_http_requests", "Answered requests; HEAD counts as GET."),
            (
                "waymark_http_request_duration_seconds",
                "From the request's head to the last byte of the answer, by the status's class.",
            ),
            _HTTP,
        )
        self._submissions = Tally(
            "waymark_jobs_submissions",
            "Submits by what became of them; queue is empty when none was decided.",
            *("queue", "outcome"),
        )
        self._submit = Timings(
            "waymark_jobs_submit_duration_seconds",
            "From a checked request to a job that is safe.",
            "queue",
            bounds=_FAST,
        )
        for of_every_request in (self._http, self._submissions, self._submit):
            self.registry.register(of_every_request)
        self.publishing = Publishing(self.registry)
        self.endings = Endings(self.registry, kinds=KINDS, reasons=REASONS)
        self._of_housekeeping()
        self._crashes = self._counter(
            "waymark_http_unexpected_errors_total",
            "Requests answered with 500 because of a mistake of ours.",
        )
        self._broken = self._counter(
            "waymark_gateway_faults_total",
            "Exceptions that reached the outermost loop of what runs beside the requests: bugs.",
            "where",
        )
        self._refusals = self._counter(
            "waymark_http_refusals_total",
            "Requests that were turned away at the gate.",
            "reason",
        )
        self._be_born()

    def _of_housekeeping(self) -> None:
        self._republished = self._counter(
            "waymark_jobs_republished_total", "Messages that housekeeping published.", "reason"
        )
        self._lost = self._counter(
            "waymark_jobs_leases_lost_total", "Attempts whose lease ran out."
        )
        self._deleted = self._counter(
            "waymark_jobs_deleted_total", "Ended jobs that were kept long enough."
        )
        self._dead = self._counter(
            "waymark_dead_letter_queue_messages_total",
            "Messages from the dead-letter queue, by what the archivist did with them.",
            "verdict",
        )
        self._duty_done = Gauge(
            "waymark_housekeeping_last_success_timestamp_seconds",
            "When a duty was last done by this process; 0: never.",
            ("duty",),
            registry=self.registry,
        )
        self._duty_failed = self._counter(
            "waymark_housekeeping_failures_total", "Rounds of a duty that failed.", "duty"
        )
        self._rounds = self._counter(
            "waymark_housekeeping_rounds_total",
            "Rounds of a duty that this process has begun and ended, failed ones included.",
            "duty",
        )
        self._round_seconds = Histogram(
            "waymark_housekeeping_round_duration_seconds",
            "How long a round of a duty took; of `archive` a round is one dead letter.",
            ("duty",),
            buckets=_ROUNDS,
            registry=self.registry,
        )

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _be_born(self) -> None:
        self._http.expect(OTHER_METHOD, NOWHERE, _OF_NOWHERE)
        for outcome in OUTCOMES:
            self._submissions.add(("", outcome), 0)
        self.endings.undecodable(0)
        for reason in ("outbox", "dead_letter", "overdue"):
            self._republished.labels(reason)
        for verdict in ("ack", "publish", "publish_later", "undecodable"):
            self._dead.labels(verdict)
        for reason in GateReason:
            self._refusals.labels(reason.value)
        for duty in DUTIES:
            self._duty_done.labels(duty)
            self._duty_failed.labels(duty)
            self._rounds.labels(duty)
            self._round_seconds.labels(duty)

    def expect(self, types: Iterable[CatalogEntry], queues: Iterable[str] = ()) -> None:
        """Create every combination at 0, for what workers have announced."""
        for entry in types:
            self.endings.expect(entry.queue, entry.type)
            self._expect_queue(entry.queue)
        for queue in queues:
            self._expect_queue(queue)

    def _expect_queue(self, queue: str) -> str:
        """Make a queue's numbers be there; return the label they are under."""
        if queue in self._queues:
            return queue
        label = queue if len(self._queues) <= MOST_QUEUES else OTHER
        if label == queue:
            self._queues[queue] = queue
        for outcome in OUTCOMES:
            self._submissions.add((label, outcome), 0)
        self._submit.expect((label,))
        return label

    def watch_store(self, evicting: Callable[[], str | None]) -> None:
        """Tell of a store that evicts."""
        tell_of_store(self.registry, evicting)

    def expect_works(self, names: Iterable[str]) -> None:
        """Count from 0 what may break beside the requests."""
        for name in names:
            self._broken.labels(name)

    def work_broke(self, name: str) -> None:
        """Count a mistake of ours in what runs beside the requests."""
        self._broken.labels(name).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the template of its path."""
        self._http.observe(method, route, status, seconds)

    def expect_requests(self, method: str, route: str, statuses: Iterable[int]) -> None:
        """Count from 0 what a route may answer."""
        self._http.expect(method, route, statuses)

    def refused(self, reason: GateReason) -> None:
        """Count a request that did not come through the gate."""
        self._refusals.labels(reason.value).inc()

    def crashed(self) -> None:
        """Count a request that ended in a mistake of ours."""
        self._crashes.inc()

    def submitted(self, queue: str, outcome: str, *, count: int = 1) -> None:
        """Count submits."""
        label = self._queues.get(queue) or self._expect_queue(queue)
        self._submissions.add((label, outcome), count)

    def submit_took(self, queue: str, seconds: float) -> None:
        """Observe a submit that was accepted."""
        self._submit.observe((self._queues.get(queue) or self._expect_queue(queue),), seconds)

    def republished(self, reason: str) -> None:
        """Count a message that housekeeping published."""
        self._republished.labels(reason).inc()

    def leases_lost(self, count: int) -> None:
        """Count attempts whose lease ran out."""
        self._lost.inc(count)

    def deleted(self, count: int) -> None:
        """Count ended jobs that were deleted."""
        self._deleted.inc(count)

    def dead_letter(self, verdict: str) -> None:
        """Count a message from the dead-letter queue."""
        self._dead.labels(verdict).inc()

    @contextmanager
    def duty_round(self, duty: str) -> Iterator[None]:
        """Count what is done inside as a round of a duty, and how long it takes."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._rounds.labels(duty).inc()
            self._round_seconds.labels(duty).observe(time.monotonic() - started)

    def duty_done(self, duty: str) -> None:
        """Note that a round of a duty is done."""
        self._duty_done.labels(duty).set_to_current_time()

    def duty_failed(self, duty: str) -> None:
        """Count a round of a duty that failed."""
        self._duty_failed.labels(duty).inc()
