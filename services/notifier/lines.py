"""The log line of a job that somebody begins to watch: one for all who begin in that moment."""

from shared.contracts.answers import Position
from shared.contracts.tracing import trace_id_of
from shared.runtime import job_lines


def tell_watched(tenant: str, job: str, position: Position) -> None:
    """Watchers who knew nothing of it are brought to where it stands."""
    job_lines.tell_facts(
        "job_watched",
        {
            "job_id": job,
            "tenant": tenant,
            "state": position.state,
            "attempt": position.attempt,
            "trace_id": trace_id_of(position.traceparent),
        },
    )
