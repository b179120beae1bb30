"""What the worker counts. Labels are closed sets: never a tenant or a job."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.worker.cancelling import Rung
from shared.contracts.answers import ClaimVerdict, RenewalVerdict
from shared.contracts.catalog import CatalogEntry
from shared.contracts.job import JobRecord, Outcome

_RUN_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800, 3600)
_WAIT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_CANCEL_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 15, 30, 60, 300)
_MS: Final = 1000


class WorkerMetrics:
    """The worker's own instruments, on a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create the instruments."""
        self.registry = registry
        self._claims = Counter(
            "waymark_jobs_claims_total",
            "Delivered messages by what the store answered to their claim.",
            ("queue", "result"),
            registry=registry,
        )
        self._attempts = Counter(
            "waymark_jobs_attempts_total",
            "Ended attempts.",
            ("queue", "type", "outcome"),
            registry=registry,
        )
        self._run = Histogram(
            "waymark_jobs_run_duration_seconds",
            "How long attempts ran.",
            ("queue", "type"),
            buckets=_RUN_BUCKETS,
            registry=registry,
        )
        self._wait = Histogram(
            "waymark_jobs_queue_wait_seconds",
            "From when a job might have started to when it did.",
            ("queue",),
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self._cancels = _cancels(registry)
        self._renewals = Counter(
            "waymark_worker_renewals_total",
            "Heartbeats by what they heard.",
            ("result",),
            registry=registry,
        )
        self.settled = Counter(
            "waymark_worker_deliveries_total",
            "Settled deliveries.",
            ("answer",),
            registry=registry,
        )
        self.faults = Counter(
            "waymark_worker_faults_total",
            "Exceptions that reached an outermost loop: bugs.",
            ("where",),
            registry=registry,
        )
        self.connects = Counter(
            "waymark_worker_consumer_connects_total", "Connections to consume.", registry=registry
        )
        self.stale = Counter(
            "waymark_worker_stale_settles_total",
            "Deliveries whose connection was gone when they were settled.",
            registry=registry,
        )
        self.taken_back = Counter(
            "waymark_worker_consumer_timeouts_total", "Deliveries taken back.", registry=registry
        )
        self.slots_total = Gauge("waymark_worker_slots", "Slots.", registry=registry)
        self.slots_busy = Gauge("waymark_worker_slots_busy", "Busy slots.", registry=registry)

    def expect(self, types: list[CatalogEntry]) -> None:
        """Create every combination at 0: a counter that is born at 1 has no increase."""
        for entry in types:
            for outcome in Outcome:
                self._attempts.labels(entry.queue, entry.type, outcome)
            for verdict in ClaimVerdict:
                self._claims.labels(entry.queue, verdict)
        for rung in Rung:
            if rung is not Rung.NONE:
                self._cancels.labels(rung.word)

    def watch_store(self, evicting: Callable[[], str | None]) -> None:
        """Tell of a store that evicts."""
        gauge = Gauge(
            "waymark_store_evicts",
            "1 while Redis may evict what was accepted: its maxmemory-policy is not noeviction.",
            registry=self.registry,
        )
        gauge.set_function(lambda: evicting() is not None)

    def claimed(self, queue: str, verdict: ClaimVerdict) -> None:
        """Count the answer to a claim."""
        self._claims.labels(queue, verdict).inc()

    def started(self, job: JobRecord) -> None:
        """Observe how long a first attempt waited, by the store's clock."""
        if job.attempt == 1 and job.started_at is not None:
            waited = job.started_at - max(job.created_at, job.run_at or 0)
            self._wait.labels(job.queue).observe(max(0, waited) / _MS)

    def ended(self, job: JobRecord, outcome: Outcome, seconds: float) -> None:
        """Count an ended attempt and observe how long it ran."""
        self._attempts.labels(job.queue, job.type, outcome).inc()
        self._run.labels(job.queue, job.type).observe(seconds)

    def stopped(self, rung: str, seconds: float) -> None:
        """Observe how long a cancelled attempt took to stop, and what it took."""
        self._cancels.labels(rung).observe(seconds)

    def renewed(self, verdict: RenewalVerdict | None) -> None:
        """Count a heartbeat; None: the store did not answer."""
        self._renewals.labels(verdict or "unanswered").inc()


def _cancels(registry: CollectorRegistry) -> Histogram:
    return Histogram(
        "waymark_jobs_cancel_duration_seconds",
        "From when a worker heard of a cancel to the end of the attempt, by its last rung.",
        ("rung",),
        buckets=_CANCEL_BUCKETS,
        registry=registry,
    )
