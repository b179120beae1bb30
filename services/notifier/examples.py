"""One example of each frame, for the stream's document; a test holds them against it."""

from collections.abc import Mapping
from typing import Any, Final

_JOB: Final = "0190c1f0-0000-7000-8000-000000000001"
_EPOCH: Final = "8b592835"
_TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_FIRST: Final = {"step": 1, "state": "queued", "at": "2026-01-01T12:00:00.000Z"}
_SECOND: Final = {"step": 2, "state": "running", "at": "2026-01-01T12:00:00.250Z"}
_PROGRESS: Final = {
    "current": 120,
    "total": 400,
    "percent": 30.0,
    "message": "reading",
    "updated_at": "2026-01-01T12:00:04.000Z",
}


def _event(type_: str, revision: int, step: int, **more: object) -> dict[str, object]:
    counts = {"seq": 99_000 + revision, "revision": revision, "step": step}
    return {"type": type_, "job": _JOB, "epoch": _EPOCH, **counts, **more}


EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "hello": {
        "type": "hello",
        "version": 1,
        "token": "eyJhbGciOiJIUzI1NiIs…",
        "subscriptions": [{"job": _JOB, "epoch": _EPOCH, "revision": 17, "step": 2}],
    },
    "subscribe": {"type": "subscribe", "id": 1, "subscriptions": [{"job": _JOB}]},
    "unsubscribe": {"type": "unsubscribe", "id": 2, "subscriptions": [{"job": _JOB}]},
    "auth": {"type": "auth", "id": 3, "token": "eyJhbGciOiJIUzI1NiIs…"},
    "pong": {"type": "pong"},
    "welcome": {
        "type": "welcome",
        "session": "5f0c2f4e9b1d4c7a",
        "expires_at": "2026-01-01T13:00:00Z",
        "ping_interval_ms": 25_000,
        "timeout_ms": 35_000,
        "max_subscriptions": 200,
    },
    "snapshot": _event(
        "snapshot", 17, 2, state="running", attempt=1, progress=_PROGRESS, result=None, error=None,
        history=[_FIRST, _SECOND], traceparent=_TRACE,
    ),
    "transition": _event(
        "transition", 18, 3, state="succeeded", at="2026-01-01T12:00:09.000Z", attempt=1,
        traceparent=_TRACE, result={"rows": 400},
    ),
    "progress": _event("progress", 17, 2, progress=_PROGRESS),
    "live": {"type": "live", "job": _JOB, "recovered": True},
    "reset": {"type": "reset", "feed": True, "why": "history_trimmed"},
    "ok": {"type": "ok", "id": 1},
    "error": {
        "type": "error",
        "code": "job-not-found",
        "detail": f"There is no job {_JOB}.",
        "id": 1,
        "job": _JOB,
    },
    "ping": {"type": "ping"},
    "auth_expiring": {"type": "auth_expiring", "in_seconds": 60},
    "drain": {"type": "drain", "after_ms": [0, 2500], "grace_ms": 5000},
}  # fmt: skip
