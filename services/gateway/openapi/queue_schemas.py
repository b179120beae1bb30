"""The schemas of requests and answers about queues and workers, for the OpenAPI document."""

from services.gateway.openapi.schemas import (
    _COUNT,
    _FLAG,
    _TEXT,
    _TIME,
    Schema,
    _maybe,
    _object,
    _ref,
    _request,
)
from services.gateway.requests.queues import LONGEST_REASON
from shared.contracts.topology import PriorityClass

_VISIBLE = "[!-~\u00a1-\U0010ffff]"  # as a character, for every dialect of patterns
_PLATFORM_ONLY = "Platform keys only."


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    unknown = {
        "type": "array",
        "items": _object({"field": _TEXT, "why": _TEXT}),
        "description": f"{_PLATFORM_ONLY} Fields that are null because nobody could be asked.",
    }
    queue = _queue(unknown)
    queues = _object({"data": {"type": "array", "items": _ref("Queue")}})
    queues["properties"]["unknown"] = unknown
    reason = {"type": "string", "pattern": _VISIBLE, "maxLength": LONGEST_REASON}
    return {
        "PauseRequest": _request(
            {"reason": reason}, "reason", example={"reason": "the mail provider is down"}
        ),
        "ResumeRequest": _request(
            {"reason": {"type": ["string", "null"], "maxLength": LONGEST_REASON}},
            example={"reason": "the mail provider is back"},
        ),
        "Queue": queue,
        "Queues": queues,
        "Worker": _worker(),
        "Workers": _object({"data": {"type": "array", "items": _ref("Worker")}}),
    }


def _queue(unknown: Schema) -> Schema:
    """Return a queue: three fields for everybody, the rest for platform keys."""
    paused = _object({"at": _TIME})
    paused["properties"] |= {
        "by": {**_TEXT, "description": _PLATFORM_ONLY},
        "reason": {"type": ["string", "null"], "description": _PLATFORM_ONLY},
    }
    queue = _object(
        {
            "name": _TEXT,
            "depth": {
                **_COUNT,
                "description": "Jobs that wait: the tenant's own; with a platform key that names "
                "no tenant, everybody's.",
            },
            "paused": _maybe(paused),
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
            _object({level.value: _COUNT for level in PriorityClass}),
            "The depth by class: priority 7-9, 4-6, 0-3.",
        ),
        "oldest_age_seconds": (
            {"type": ["number", "null"], "minimum": 0},
            "For how long the eldest has waited; null when nothing waits.",
        ),
        "in_flight": (_COUNT, "Running jobs."),
        "scheduled": (_COUNT, "Their time is ahead."),
        "retrying": (_COUNT, "They wait out a back-off."),
        "consumers": (_COUNT, "Live workers that serve it; those that drain are not counted."),
        "broker": (
            _maybe(_object({"ready": _COUNT, "consumers": _COUNT})),
            "Messages that RabbitMQ holds ready, and AMQP consumers; null when it is away.",
        ),
    }


def _worker() -> Schema:
    names = {"type": "array", "items": _TEXT}
    running = _object(
        {
            "job": {"type": "string", "format": "uuid"},
            "tenant": _TEXT,
            "type": _TEXT,
            "queue": _TEXT,
            "attempt": _COUNT,
            "started_at": _TIME,
        }
    )
    return _object(
        {
            "id": _TEXT,
            "host": _TEXT,
            "pid": _COUNT,
            "version": {**_TEXT, "description": "Of its build: WAYMARK_VERSION."},
            "started_at": _TIME,
            "seen_at": {**_TIME, "description": "When it last said that it lives: every 5 s."},
            "draining": {**_FLAG, "description": "It was told to stop and begins nothing."},
            "queues": names,
            "types": names,
            "slots": _object({"total": _COUNT, "busy": _COUNT, "free": _COUNT}),
            "running": {"type": "array", "items": running},
        }
    )
