"""From the settings of a service to what takes its spans."""

from shared.runtime.settings import TraceSettings
from shared.runtime.tracing.exporting import SpanExport


def make_export(
    settings: TraceSettings, *, service: str, version: str, instance: str
) -> SpanExport | None:
    """Return what sends spans to WAYMARK_OTLP_URL, not started; None where there is none."""
    if not settings.otlp_url:
        return None
    # Here and not above: without a collector no process pays for the libraries.
    from shared.runtime.tracing.otlp import Collector  # noqa: PLC0415

    collector = Collector(
        settings.otlp_url,
        headers=settings.collector_headers,
        service=service,
        version=version,
        instance=instance,
    )
    return SpanExport(collector.send, hang_up=collector.hang_up)
