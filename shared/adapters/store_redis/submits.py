"""From what the scripts about submits reply to their answers."""

from collections.abc import Callable
from typing import Any, Final

from shared.adapters.store_redis.records import text, whole
from shared.contracts import batches, idempotency
from shared.contracts import operations as ops
from shared.contracts.answers import Submitted, SubmitVerdict
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State

ACCEPTED: Final = SubmitVerdict.ACCEPTED
_STATES: Final = {state.encode(): state for state in State}


def _submitted(op: ops.Submit, reply: list[Any]) -> Submitted:
    if reply[0] == b"written":
        _, now, epoch, state = reply
        return Submitted(ACCEPTED, _as_written(op, now, text(epoch), _STATES[state]))
    return _known(op, reply)


def _submitted_many(op: batches.SubmitMany, reply: list[Any]) -> tuple[Submitted, ...]:
    now, epoch, answers = reply[0], text(reply[1]), reply[2]
    return tuple(
        [
            _known(one, answer)
            if isinstance(answer, list)
            else Submitted(ACCEPTED, _as_written(one, now, epoch, _STATES[answer]))
            for one, answer in zip(op.jobs, answers, strict=True)
        ]
    )


def _recalled(op: idempotency.Recall, reply: list[Any]) -> Submitted | None:
    return None if reply[0] == b"unknown" else _known(op, reply)


def _known(op: ops.Submit | idempotency.Recall, reply: list[Any]) -> Submitted:
    verdict = SubmitVerdict(text(reply[0]))
    if verdict is SubmitVerdict.TAKEN:
        return Submitted(verdict=verdict, job=None, holder=text(reply[1]) or None)
    job = text(reply[5]) if len(reply) > 5 else op.job  # noqa: PLR2004 - another job's id
    owed = verdict is SubmitVerdict.DUPLICATE and reply[1] == 1
    return Submitted(verdict=verdict, job=whole(op.tenant, job, reply), owed=owed)


def _as_written(op: ops.Submit, now: int, epoch: str, state: State) -> JobRecord:
    """Return the record of a submit that wrote a new one: the script need not send it back."""
    return JobRecord(  # by place: see JobRecord
        op.job,
        op.tenant,
        op.type,
        op.type_version,
        op.queue,
        op.priority,
        state,
        1,  # revision
        1,  # step
        1,  # dispatch
        epoch,
        0,  # attempt
        op.max_attempts,
        op.payload,
        now,
        labels=op.labels,
        run_at=op.run_at if op.delay is None else now + op.delay,
        expires_at=op.expires_at,
        submitted_by=op.submitted_by,
        traceparent=op.traceparent,
        tracestate=op.tracestate,
        key_hash=op.key.hash if op.key else None,
        retention=op.retention,
        unique_key=op.unique_key,
        callback_url=op.callback_url,
    )


SUBMIT_DECODERS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ops.Submit: _submitted,
    batches.SubmitMany: _submitted_many,
    batches.ConfirmMany: lambda _op, reply: reply,
    idempotency.Recall: _recalled,
}
