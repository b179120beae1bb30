"""What is counted about dead letters. Labels are closed sets: never a tenant, never a job."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.contracts.job import DeadLetterReason

VIA: Final = ("one", "campaign")


class LetterMetrics:
    """The numbers, in the gateway's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Everything starts at zero, and is there from the start."""
        self._redriven = Counter(
            "waymark_jobs_redriven_total",
            "Dead letters that were given a new life, alone or by a campaign.",
            ("via",),
            registry=registry,
        )
        self._discarded = Counter(
            "waymark_jobs_discarded_total",
            "Dead letters that were given up for good.",
            registry=registry,
        )
        self._waiting = Gauge(
            "waymark_dead_letters",
            "Dead letters that wait for somebody to act; told by the process with the duty.",
            ("reason",),
            registry=registry,
        )
        for via in VIA:
            self._redriven.labels(via)
        self.waiting({})

    def redriven(self, via: str, count: int = 1) -> None:
        """Count redrives."""
        self._redriven.labels(via).inc(count)

    def discarded(self, count: int) -> None:
        """Count discards."""
        self._discarded.inc(count)

    def waiting(self, reasons: Mapping[DeadLetterReason, int]) -> None:
        """Say how many letters wait now, in the whole house; {} from who does not have the duty."""
        for reason in DeadLetterReason:
            self._waiting.labels(reason.value).set(reasons.get(reason, 0))
