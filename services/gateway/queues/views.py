"""Queues and workers as they are shown; a tenant sees of a queue its own jobs alone."""

from services.gateway.queues.desk import Overview, QueueLine
from services.gateway.times import rfc3339
from shared.contracts.catalog import WorkerCard
from shared.contracts.lifecycle import State
from shared.contracts.queues import Pause
from shared.contracts.topology import PriorityClass

View = dict[str, object]
_MS = 1000


def tenant_view(line: QueueLine) -> View:
    """Return what a tenant sees: `depth` counts its own jobs."""
    paused = None if line.paused is None else {"at": rfc3339(line.paused.at)}
    return {"name": line.name, "depth": line.tally.depth, "paused": paused}


def platform_view(line: QueueLine) -> View:
    """Return everything; `broker` is null when RabbitMQ did not answer."""
    tally = line.tally
    return {
        "name": line.name,
        "depth": tally.depth,
        "classes": {level.value: tally.waiting[level] for level in PriorityClass},
        "oldest_age_seconds": None if tally.oldest is None else tally.oldest / _MS,
        "in_flight": tally.elsewhere[State.RUNNING],
        "scheduled": tally.elsewhere[State.SCHEDULED],
        "retrying": tally.elsewhere[State.RETRYING],
        "consumers": line.workers,
        "paused": None if line.paused is None else _pause(line.paused),
        "broker": None
        if line.broker is None
        else {"ready": line.broker.ready, "consumers": line.broker.consumers},
    }


def unknown(overview: Overview) -> list[View]:
    """Return which fields are null because nobody could be asked, and why."""
    if not overview.broker_away:
        return []
    return [{"field": "broker", "why": "RabbitMQ does not answer."}]


def worker_view(card: WorkerCard) -> View:
    """Return one live worker."""
    return {
        "id": card.id,
        "host": card.host,
        "pid": card.pid,
        "version": card.version,
        "started_at": rfc3339(card.started_at),
        "seen_at": rfc3339(card.seen_at),
        "draining": card.draining,
        "queues": list(card.queues),
        "types": list(card.types),
        "slots": {
            "total": card.slots,
            "busy": card.busy,
            "free": max(0, card.slots - card.busy),
        },
        "running": [
            {
                "job": one.job,
                "tenant": one.tenant,
                "type": one.type,
                "queue": one.queue,
                "attempt": one.attempt,
                "started_at": rfc3339(one.since),
            }
            for one in card.running
        ],
    }


def _pause(pause: Pause) -> View:
    return {"by": pause.by, "reason": pause.reason, "at": rfc3339(pause.at)}
