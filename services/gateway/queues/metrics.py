"""What is told about queues, by the process with the duty. Labels: queues, at most 200 of them."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from services.gateway.queues.desk import QueueLine
from services.gateway.tallies import MOST_QUEUES
from shared.contracts.lifecycle import State
from shared.runtime.metrics.endings import OTHER

STATES: Final = (State.SCHEDULED, State.QUEUED, State.RUNNING, State.RETRYING)
_MS: Final = 1000


class QueueMetrics:
    """The gauges, in the gateway's registry; empty in a process without the duty."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make them."""
        self._ages: dict[str, float] = {}
        told = "; told by the process with the duty."
        self._jobs = Gauge(
            "waymark_jobs_states",
            f"Unfinished jobs{told}",
            ("queue", "state"),
            registry=registry,
        )
        self._oldest = Gauge(
            "waymark_jobs_queue_oldest_age_seconds",
            f"For how long the eldest job has waited, 0 when none does{told}",
            ("queue",),
            registry=registry,
        )
        self._workers = Gauge(
            "waymark_queue_workers",
            f"Live workers that serve a queue{told}",
            ("queue",),
            registry=registry,
        )
        self._paused = Gauge(
            "waymark_queue_paused",
            f"1 while an operator lets a queue rest{told}",
            ("queue",),
            registry=registry,
        )

    def tell(self, lines: Sequence[QueueLine]) -> None:
        """Say how things stand; no lines from who does not have the duty."""
        for gauge in (self._jobs, self._oldest, self._workers, self._paused):
            gauge.clear()
        self._ages.clear()
        for number, line in enumerate(lines):
            self._add(line.name if number < MOST_QUEUES else OTHER, line)

    def _add(self, queue: str, line: QueueLine) -> None:
        counts = {**line.tally.elsewhere, State.QUEUED: line.tally.depth}
        for state in STATES:
            self._jobs.labels(queue, state.value).inc(counts.get(state, 0))
        self._ages[queue] = max(self._ages.get(queue, 0.0), (line.tally.oldest or 0) / _MS)
        self._oldest.labels(queue).set(self._ages[queue])
        self._workers.labels(queue).inc(line.workers)
        self._paused.labels(queue).inc(line.paused is not None)
