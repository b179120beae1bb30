"""What is counted about the audit trail."""

from prometheus_client import CollectorRegistry, Counter


class AuditMetrics:
    """The numbers, in the gateway's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Everything starts at zero, and is there from the start."""
        self._lost = Counter(
            "waymark_audit_entries_lost_total",
            "Operator actions that stand in the log only: the store was away for too long.",
            registry=registry,
        )

    def lost(self) -> None:
        """Count an entry that could not be kept."""
        self._lost.inc()
