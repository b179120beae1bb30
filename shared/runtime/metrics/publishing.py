"""How long the broker takes to confirm, as whoever publishes sees it."""

from typing import Final

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)  # seconds


class Publishing:
    """The numbers, in the registry of a service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Everything starts at zero, and is there from the start."""
        seconds = Histogram(
            "waymark_jobs_publish_duration_seconds",
            "From handing messages over together to the broker's last confirm.",
            ("result",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._confirmed = seconds.labels("confirmed")
        self._failed = seconds.labels("failed")

    def took(self, seconds: float, *, failed: bool) -> None:
        """Observe a publish; `failed`: of one of its messages at least nobody knows."""
        (self._failed if failed else self._confirmed).observe(seconds)
