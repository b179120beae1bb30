"""From a hash in Redis, read flat, to a JobRecord."""

from collections.abc import Sequence
from typing import Any

import msgspec

from shared.contracts.job import (
    DEFAULT_RETENTION,
    Attempt,
    DeadLetter,
    DeadLetterReason,
    Discarded,
    JobRecord,
    Outcome,
)
from shared.contracts.lifecycle import State
from shared.contracts.tracing import recall_context

_NUMBERS = (
    "type_version",
    "priority",
    "revision",
    "step",
    "dispatch",
    "max_attempts",
    "created_at",
)
_COUNTS = ("attempt", "redrives", "spent", "crashes", "losses")  # 0 where nothing is said
_MAYBE_NUMBERS = (
    "run_at",
    "started_at",
    "finished_at",
    "expires_at",
    "retry_at",
    "cancel_requested_at",
)
_WORDS = ("type", "queue", "payload", "submitted_by")
_MAYBE_WORDS = (
    "result",
    "error",
    "public_error",
    "progress",
    "checkpoint",
    "key_hash",
    "stopped_by",
    "unique_key",
    "callback_url",
)


class _Ended(msgspec.Struct, frozen=True):
    """An attempt as `attempt.lua` files it."""

    number: int
    started_at: int
    finished_at: int
    outcome: Outcome
    error: msgspec.Raw
    worker: str


_ended = msgspec.json.Decoder(_Ended)
_labels = msgspec.json.Decoder(dict[str, str])


def text(value: bytes) -> str:
    """Read what Redis sent as text."""
    return value.decode()


def record(
    tenant: str, job: str, epoch: str, flat: Sequence[bytes], ended: Sequence[bytes] = ()
) -> JobRecord:
    """Build the record from its hash (name, value, name, …) and its filed attempts."""
    found = {
        name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)
    }
    fields: dict[str, Any] = {name: int(found[name]) for name in _NUMBERS}
    for name in _COUNTS:
        fields[name] = int(found.get(name, 0))
    for name in _MAYBE_NUMBERS:
        fields[name] = int(found[name]) if found.get(name) else None
    for name in _WORDS:
        fields[name] = found[name]
    for name in _MAYBE_WORDS:
        fields[name] = found.get(name) or None
    trace = recall_context(found.get("traceparent", ""))
    return JobRecord(
        id=job,
        tenant=tenant,
        epoch=epoch,
        state=State(found["state"]),
        labels=_labels.decode(found["labels"]) if "labels" in found else {},
        retention=int(found.get("retention") or DEFAULT_RETENTION),
        dead_letter=_dead_letter(found),
        discarded=_discarded(found),
        traceparent=trace and trace.traceparent,
        tracestate=trace and trace.tracestate,
        attempts=(*map(_attempt, ended), *_running(found)),
        **fields,
    )


def whole(tenant: str, job: str, reply: Sequence[Any]) -> JobRecord | None:
    """Build it from what `reply()` in move.lua sends: verdict, number, epoch, hash, attempts."""
    if len(reply) < 5:  # noqa: PLR2004 - a bare verdict
        return None
    return record(tenant, job, text(reply[2]), reply[3], reply[4])


def _dead_letter(found: dict[str, str]) -> DeadLetter | None:
    if not found.get("dead_reason"):
        return None
    return DeadLetter(since=int(found["dead_since"]), reason=DeadLetterReason(found["dead_reason"]))


def _discarded(found: dict[str, str]) -> Discarded | None:
    if not found.get("discarded_at"):
        return None
    return Discarded(
        at=int(found["discarded_at"]),
        by=found["discarded_by"],
        reason=found["discard_reason"] or None,
    )


def _attempt(entry: bytes) -> Attempt:
    ended = _ended.decode(entry)
    error = bytes(ended.error).decode()
    return Attempt(
        number=ended.number,
        started_at=ended.started_at,
        finished_at=ended.finished_at,
        outcome=ended.outcome,
        error=None if error == "null" else error,
        worker=ended.worker,
    )


def _running(found: dict[str, str]) -> tuple[Attempt, ...]:
    if found["state"] != State.RUNNING:
        return ()
    return (
        Attempt(
            number=int(found["attempt"]),
            started_at=int(found["attempt_at"]),
            finished_at=None,
            outcome=None,
            error=None,
            worker=found["worker"],
        ),
    )
