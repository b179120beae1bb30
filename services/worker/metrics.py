"""What the worker counts. Labels are closed sets: never a tenant or a job."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.worker.cancelling import Rung
from services.worker.intake.deliveries import Answer
from services.worker.occupancy import Occupancy
from services.worker.reasons import FAIL_CODES, NO_CODE, CrashCause, DeliveryOutcome, RetryReason
from shared.contracts.answers import ClaimVerdict, RenewalVerdict
from shared.contracts.catalog import CatalogEntry
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from shared.runtime.metrics.children import Children
from shared.runtime.metrics.endings import Endings, Kind
from shared.runtime.metrics.process import tell_of_store
from shared.runtime.metrics.publishing import Publishing

_RUN_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800, 3600)
_WAIT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_CANCEL_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 15, 30, 60, 300)
_WEBHOOK_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_MS: Final = 1000
_UNANSWERED: Final = "unanswered"
_KINDS: Final[tuple[Kind, ...]] = (
    (State.SUCCEEDED, NO_CODE),
    (State.CANCELLED, NO_CODE),
    (State.EXPIRED, NO_CODE),
    *((State.FAILED, code) for code in FAIL_CODES),
)
_REASONS: Final = (
    DeadLetterReason.ATTEMPTS_EXHAUSTED,
    DeadLetterReason.NOT_RETRYABLE,
    DeadLetterReason.POISON,
    DeadLetterReason.UNKNOWN_TYPE,
)


class WorkerMetrics:
    """The worker's own instruments, on a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create the instruments."""
        self.registry = registry
        self.occupancy = Occupancy()
        self.publishing = Publishing(registry)
        self.endings = Endings(registry, kinds=_KINDS, reasons=_REASONS)
        registry.register(_OccupancyCollector(self.occupancy))
        self._of_jobs()
        self._of_deliveries()
        self._of_the_process()
        self._be_born()

    def _of_jobs(self) -> None:
        pair, registry = ("queue", "type"), self.registry
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._claims = self._children(
            "waymark_jobs_claims_total",
            "Delivered messages by what the store answered to their claim.",
            *("queue", "result"),
        )
        self._started = self._children("waymark_jobs_started_total", "Attempts begun.", *pair)
        self._attempts = self._children(
            "waymark_jobs_attempts_total", "Ended attempts.", *pair, "outcome"
        )
        self._retries = self._children(
            "waymark_jobs_retries_total",
            "Attempts that failed and are made again, by why.",
            *(*pair, "reason"),
        )
        self._run = Children(
            Histogram(
                "waymark_jobs_run_duration_seconds",
                "How long attempts ran.",
                pair,
                buckets=_RUN_BUCKETS,
                registry=registry,
            )
        )
        self._wait = Children(
            Histogram(
                "waymark_jobs_queue_wait_seconds",
                "From when a job might have started to when it did.",
                ("queue",),
                buckets=_WAIT_BUCKETS,
                registry=registry,
            )
        )
        self._cancels = Histogram(
            "waymark_jobs_cancel_duration_seconds",
            "From when a worker heard of a cancel to the end of the attempt, by its last rung.",
            ("rung",),
            buckets=_CANCEL_BUCKETS,
            registry=registry,
        )
        self._webhooks = Counter(
            "waymark_webhooks_deliveries_total",
            "Attempts to deliver a webhook, by how they ended.",
            ("outcome",),
            registry=registry,
        )
        self._webhook_seconds = Histogram(
            "waymark_webhooks_delivery_duration_seconds",
            "How long attempts to deliver a webhook took.",
            buckets=_WEBHOOK_BUCKETS,
            registry=registry,
        )

    def _of_deliveries(self) -> None:
        settled = self._counter("waymark_worker_deliveries_total", "Settled deliveries.", "answer")
        self.settled = {answer: settled.labels(answer) for answer in Answer}
        self.connects = self._counter(
            "waymark_worker_consumer_connects_total", "Connections to consume."
        )
        self.stale = self._counter(
            "waymark_worker_stale_settles_total",
            "Deliveries whose connection was gone when they were settled.",
        )
        self.taken_back = self._counter(
            "waymark_worker_consumer_timeouts_total", "Deliveries taken back."
        )

    def _of_the_process(self) -> None:
        self._renewals = self._counter(
            "waymark_worker_renewals_total", "Heartbeats by what they heard.", "result"
        )
        self.faults = self._counter(
            "waymark_worker_faults_total",
            "Exceptions that reached an outermost loop: bugs.",
            "where",
        )
        self._crashes = self._counter(
            "waymark_worker_slot_crashes_total",
            "Slots that died under an attempt while their worker lived, by how.",
            "cause",
        )

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self.registry)

    def _children(self, name: str, words: str, *labels: str) -> Children[Counter]:
        return Children(self._counter(name, words, *labels))

    def _be_born(self) -> None:
        for rung in Rung:
            if rung is not Rung.NONE:
                self._cancels.labels(rung.word)
        for result in (*RenewalVerdict, _UNANSWERED):
            self._renewals.labels(result)
        for cause in CrashCause:
            self._crashes.labels(cause)
        for outcome in DeliveryOutcome:
            self._webhooks.labels(outcome)
        self.faults.labels("execute")

    def expect(
        self,
        types: Iterable[CatalogEntry],
        *,
        queues: Iterable[str] = (),
        residents: Iterable[str] = (),
    ) -> None:
        """Create every combination at 0: a counter that is born at 1 has no increase.

        `queues`: those that are served, whatever the types name; `residents`: what may break.
        """
        for where in residents:
            self.faults.labels(where)
        for entry in types:
            self._pair(entry.queue, entry.type)
        for queue in queues:
            self._expect_queue(queue)

    def watch_store(self, evicting: Callable[[], str | None]) -> None:
        """Tell of a store that evicts."""
        tell_of_store(self.registry, evicting)

    def claimed(self, queue: str, verdict: ClaimVerdict) -> None:
        """Count the answer to a claim."""
        self._claims[queue, verdict].inc()

    def started(self, job: JobRecord) -> None:
        """Count an attempt, and observe how long a first one waited, by the store's clock."""
        self._started[self._pair(job.queue, job.type)].inc()
        if job.attempt == 1 and job.started_at is not None:
            waited = job.started_at - max(job.created_at, job.run_at or 0)
            self._wait[job.queue,].observe(max(0, waited) / _MS)

    def ended(self, job: JobRecord, outcome: Outcome, seconds: float) -> None:
        """Count an ended attempt and observe how long it ran."""
        queue, name = pair = self._pair(job.queue, job.type)
        self._attempts[queue, name, outcome].inc()
        self._run[pair].observe(seconds)

    def retried(self, job: JobRecord, reason: RetryReason) -> None:
        """Count an attempt that is made again."""
        self._retries[*self._pair(job.queue, job.type), reason].inc()

    def crashed(self, cause: CrashCause) -> None:
        """Count a slot that died under its attempt."""
        self._crashes.labels(cause).inc()

    def webhook(self, outcome: DeliveryOutcome, seconds: float) -> None:
        """Count an attempt to deliver a webhook and observe how long it took."""
        self._webhooks.labels(outcome).inc()
        self._webhook_seconds.observe(seconds)

    def stopped(self, rung: str, seconds: float) -> None:
        """Observe how long a cancelled attempt took to stop, and what it took."""
        self._cancels.labels(rung).observe(seconds)

    def renewed(self, verdict: RenewalVerdict | None) -> None:
        """Count a heartbeat; None: the store did not answer."""
        self._renewals.labels(verdict or _UNANSWERED).inc()

    def _pair(self, queue: str, name: str) -> tuple[str, str]:
        """Return the labels of a queue and a type; what it can come to is there from then on."""
        known = self._pairs.get((queue, name))
        if known is not None:
            return known
        pair = self._pairs[queue, name] = self.endings.expect(queue, name)
        self._started[pair]
        self._run[pair]
        for outcome in Outcome:
            self._attempts[*pair, outcome]
        for reason in RetryReason:
            self._retries[*pair, reason]
        self._expect_queue(queue)
        return pair

    def _expect_queue(self, queue: str) -> None:
        self._wait[queue,]
        self.occupancy.expect(queue)
        for verdict in ClaimVerdict:
            self._claims[queue, verdict]


class _OccupancyCollector(Collector):
    """Reads what the slots do at each scrape."""

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy = occupancy

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        slots = GaugeMetricFamily(
            "waymark_worker_slots",
            "Slots by what they do: starting ones claim a delivery, frozen ones wait for their "
            "lease to be renewed.",
            labels=["state"],
        )
        for state, number in self._occupancy.states.items():
            slots.add_metric([state], number)
        yield slots
        running = GaugeMetricFamily(
            "waymark_jobs_in_flight", "Attempts that run, in slots or threads.", labels=["queue"]
        )
        for queue, number in self._occupancy.running.copy().items():
            running.add_metric([queue], number)
        yield running
        yield CounterMetricFamily(
            "waymark_worker_frozen_seconds",
            "For how long slots stood frozen, added up over slots.",
            self._occupancy.frozen_seconds,
        )
