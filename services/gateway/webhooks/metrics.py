"""What the gateway counts of callbacks."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

OUTCOMES: Final = ("handed_on", "waiting", "failed")
_DELAYS: Final = (0.5, 1, 2, 5, 15, 60, 300, 1800, 7200)  # seconds


class WebhookMetrics:
    """Callbacks on their way from a job's end to the job that delivers them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Everything starts at zero, and is there from the start."""
        self._callbacks = Counter(
            "waymark_webhooks_callbacks_total",
            "Ends of jobs with a callback_url: handed on to webhook.deliver, waiting because no "
            "worker serves that type, or failed and tried again.",
            ("outcome",),
            registry=registry,
        )
        self._delay = Histogram(
            "waymark_webhooks_callback_delay_seconds",
            "From the end of a job until its webhook is a job that is safe.",
            buckets=_DELAYS,
            registry=registry,
        )
        for outcome in OUTCOMES:
            self._callbacks.labels(outcome)

    def handed_on(self, *, delay: float) -> None:
        """Count a callback that is a job now, `delay` seconds after the end it tells of."""
        self._callbacks.labels("handed_on").inc()
        self._delay.observe(max(0.0, delay))

    def failed(self, count: int) -> None:
        """Count those that could not be handed on and will be tried again."""
        self._callbacks.labels("failed").inc(count)

    def waiting(self) -> None:
        """Count a round in which callbacks had to wait for a worker that delivers webhooks."""
        self._callbacks.labels("waiting").inc()
