"""The schemas of requests and answers about queues and workers, for the OpenAPI document."""

from services.gateway.openapi.schemas import (
    COUNT,
    FLAG,
    TEXT,
    TIME,
    Schema,
    a_request,
    an_object_of,
    maybe,
    ref,
)
from services.gateway.requests.queues import LONGEST_REASON
from shared.contracts.topology import PriorityClass

_VISIBLE = "[!-~\u00a1-\U0010ffff]"  # as a character, for every dialect of patterns
_PLATFORM_ONLY = "Platform keys only."


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    unknown = {
        "type": "array",
        "items": an_object_of({"field": TEXT, "why": TEXT}),
        "description": f"{_PLATFORM_ONLY} Fields that are null because nobody could be asked.",
    }
    queue = _queue(unknown)
    queues = an_object_of({"data": {"type": "array", "items": ref("Queue")}})
    queues["properties"]["unknown"] = unknown
    reason = {"type": "string", "pattern": _VISIBLE, "maxLength": LONGEST_REASON}
    return {
        "PauseRequest": a_request(
            {"reason": reason}, "reason", example={"reason": "the mail provider is down"}
        ),
        "ResumeRequest": a_request(
            {"reason": {"type": ["string", "null"], "maxLength": LONGEST_REASON}},
            example={"reason": "the mail provider is back"},
        ),
        "Queue": queue,
        "Queues": queues,
        "Worker": _worker(),
        "Workers": an_object_of({"data": {"type": "array", "items": ref("Worker")}}),
    }


def _queue(unknown: Schema) -> Schema:
    """Return a queue: three fields for everybody, the rest for platform keys."""
    paused = an_object_of({"at": TIME})
    paused["properties"] |= {
        "by": {**TEXT, "description": _PLATFORM_ONLY},
        "reason": {"type": ["string", "null"], "description": _PLATFORM_ONLY},
    }
    queue = an_object_of(
        {
            "name": TEXT,
            "depth": {
                **COUNT,
                "description": "Jobs that wait: the tenant's own; with a platform key that names "
                "no tenant, everybody's.",
            },
            "paused": maybe(paused),
        }
    )
    queue["properties"] |= {
        name: {**schema, "description": f"{_PLATFORM_ONLY} {words}".strip()}
        for name, (schema, words) in _of_platform().items()
    }
    queue["properties"]["unknown"] = unknown
    return queue


def _of_platform() -> dict[str, tuple[Schema, str]]:
    return {
        "classes": (
            an_object_of({level.value: COUNT for level in PriorityClass}),
            "The depth by class: priority 7-9, 4-6, 0-3.",
        ),
        "oldest_age_seconds": (
            {"type": ["number", "null"], "minimum": 0},
            "For how long the eldest has waited; null when nothing waits.",
        ),
        "in_flight": (COUNT, "Running jobs."),
        "scheduled": (COUNT, "Their time is ahead."),
        "retrying": (COUNT, "They wait out a back-off."),
        "consumers": (COUNT, "Live workers that serve it; those that drain are not counted."),
        "broker": (
            maybe(an_object_of({"ready": COUNT, "consumers": COUNT})),
            "Messages that RabbitMQ holds ready, and AMQP consumers; null when it is away.",
        ),
    }


def _worker() -> Schema:
    names = {"type": "array", "items": TEXT}
    running = an_object_of(
        {
            "job": {"type": "string", "format": "uuid"},
            "tenant": TEXT,
            "type": TEXT,
            "queue": TEXT,
            "attempt": COUNT,
            "started_at": TIME,
        }
    )
    return an_object_of(
        {
            "id": TEXT,
            "host": TEXT,
            "pid": COUNT,
            "version": {**TEXT, "description": "Of its build: WAYMARK_VERSION."},
            "started_at": TIME,
            "seen_at": {**TIME, "description": "When it last said that it lives: every 5 s."},
            "draining": {**FLAG, "description": "It was told to stop and begins nothing."},
            "queues": names,
            "types": names,
            "slots": an_object_of({"total": COUNT, "busy": COUNT, "free": COUNT}),
            "running": {"type": "array", "items": running},
        }
    )
