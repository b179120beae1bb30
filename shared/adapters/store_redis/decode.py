"""From what a script replies to the answer of its operation."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.adapters.store_redis.letters import LETTER_DECODERS
from shared.adapters.store_redis.records import record, text, whole
from shared.adapters.store_redis.submits import SUBMIT_DECODERS
from shared.contracts import answers, callbacks, feed, idempotency, overdue, queues, retention
from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import Event, State
from shared.contracts.listing import FeedPlace, JobPlace
from shared.contracts.tracing import recall_context


def decode(operation: ops.Operation[Any], reply: Any) -> Any:  # noqa: ANN401 - by operation
    """Return the answer to `operation`: an `A` for an `Operation[A]`."""
    return _DECODERS[type(operation)](operation, reply)


def _cancelled(op: ops.Cancel, reply: list[Any]) -> answers.CancelAnswer:
    verdict = answers.CancelVerdict(text(reply[0]))
    return answers.CancelAnswer(
        verdict=verdict,
        job=whole(op.tenant, op.job, reply),
        ended=verdict is answers.CancelVerdict.CANCELLED and bool(reply[1]),
    )


def _read(op: ops.Read, reply: list[Any] | None) -> JobRecord | None:
    return record(op.tenant, op.job, text(reply[0]), reply[1], reply[2]) if reply else None


def _listed(op: ops.ListJobs, reply: list[Any]) -> answers.JobPage:
    epoch, last, page, born, seq = reply
    return answers.JobPage(
        as_of=FeedPlace(text(epoch) if born else "", seq),
        jobs=tuple(record(op.tenant, text(job), text(epoch), *rest) for job, *rest in page),
        next=JobPlace(created_at=last[0], job=text(last[1])) if last else None,
    )


def _deleted(_: retention.DeleteEnded, reply: list[Any]) -> retention.Deleted:
    jobs, more = reply
    return retention.Deleted(jobs=tuple(map(text, jobs)), more=bool(more))


def _claimed(op: ops.Claim, reply: list[Any]) -> answers.ClaimAnswer:
    verdict = answers.ClaimVerdict(text(reply[0]))
    job = whole(op.tenant, op.message.job, reply)
    if verdict is answers.ClaimVerdict.STALE:
        return answers.ClaimAnswer(verdict=verdict, publish=RunJob.of(job) if job else None)
    told = reply[1] if len(reply) > 1 else 0
    if isinstance(told, bytes):
        return answers.ClaimAnswer(verdict=verdict, code=text(told))
    return answers.ClaimAnswer(verdict=verdict, delay=told, job=job)


def _renewed(_: ops.Heartbeat, reply: list[Any]) -> answers.Renewal:
    verdict, asked_at, left = reply
    return answers.Renewal(
        verdict=answers.RenewalVerdict(text(verdict)),
        cancel_requested_at=None if asked_at < 0 else asked_at,
        cancel_in=None if left < 0 else left,
    )


def _settled(op: ops.Settle, reply: list[Any]) -> answers.Settled:
    verdict, state, delay, epoch, flat = reply
    if text(verdict) == answers.SettleVerdict.LOST:
        return answers.Settled(verdict=answers.SettleVerdict.LOST)
    return answers.Settled(
        verdict=answers.SettleVerdict.OK,
        state=State(text(state)),
        publish=RunJob.of(record(op.tenant, op.job, text(epoch), flat)) if flat else None,
        delay=max(delay, 0),
    )


def _ticked(_: ops.Tick, reply: list[Any]) -> answers.Ticked:
    epoch, now, held_for = reply
    return answers.Ticked(epoch=text(epoch), now=now, held_for=held_for)


def _swept(op: ops.Sweep, reply: list[Any]) -> answers.Swept:
    epoch, lost, due, more, messages, moved = reply
    publish = tuple(
        (RunJob.of(record(op.tenant, text(job), text(epoch), flat)), delay)
        for delay, job, flat in messages
    )
    return answers.Swept(
        lost=lost,
        due=due,
        moved=tuple(_moved(*each) for each in moved),
        publish=publish,
        more=bool(more),
    )


def _moved(  # noqa: PLR0917 - as sweep.lua says it
    job: bytes, event: bytes, name: bytes, queue: bytes, attempt: int, by: bytes, trace: bytes
) -> answers.Moved:
    return answers.Moved(
        job=text(job),
        event=Event(text(event)),
        type=text(name),
        queue=text(queue),
        attempt=attempt,
        submitted_by=text(by),
        traceparent=_parent(trace),
    )


def _parent(trace: bytes) -> str | None:
    context = recall_context(text(trace))
    return context and context.traceparent


def _found_overdue(op: overdue.FindOverdue, reply: list[Any]) -> overdue.FoundOverdue:
    epoch, more, handed, waiting, messages = reply
    return overdue.FoundOverdue(
        publish=tuple(
            RunJob.of(record(op.tenant, text(job), text(epoch), flat)) for job, flat in messages
        ),
        handed={text(queue): int(at) for queue, at in zip(handed[::2], handed[1::2], strict=True)},
        waiting=frozenset(map(text, waiting)),
        more=bool(more),
    )


def _archived(op: ops.Archive, reply: list[Any]) -> answers.Archived:
    verdict = text(reply[0])
    if verdict == "copy":  # the message as it came, once the lease is over
        later = answers.ArchiveVerdict.PUBLISH_LATER
        return answers.Archived(verdict=later, message=op.message, delay=reply[1])
    if verdict == answers.ArchiveVerdict.ACK:
        ended = text(reply[1]) if len(reply) > 1 else ""
        return answers.Archived(verdict=answers.ArchiveVerdict.ACK, ended=ended)
    job = whole(op.tenant, op.message.job, reply)
    return answers.Archived(
        verdict=answers.ArchiveVerdict(verdict),
        message=RunJob.of(job) if job else None,
        delay=reply[1] if len(reply) > 1 else 0,
    )


def _located(_: ops.Locate, reply: list[Any] | None) -> answers.Position | None:
    if reply is None:
        return None
    epoch, seq, job, steps = reply
    revision, step, state, attempt, progress, result, error, trace = job
    return answers.Position(
        epoch=text(epoch),
        seq=seq,
        revision=int(revision),
        step=int(step),
        state=State(text(state)),
        attempt=int(attempt or 0),
        progress=text(progress) if progress else None,
        result=text(result) if result else None,
        error=text(error) if error else None,
        traceparent=_parent(trace) if trace else None,
        steps=tuple(_step(entry) for entry in steps),
    )


def _step(entry: list[Any]) -> answers.Step:
    number, (_, state, _, at, _, frame) = entry
    return answers.Step(
        step=int(number.partition(b"-")[0]),
        state=State(text(state)),
        at=int(at),
        frame=text(frame),
    )


def _fed(_: feed.ReadFeed, reply: list[Any]) -> feed.FeedPage:
    epoch, seq, loss, entries, more = reply
    return feed.FeedPage(
        here=FeedPlace(text(epoch), seq),
        loss=feed.Loss(text(loss)) if loss else None,
        steps=tuple(
            feed.FeedStep(
                seq=at, job=text(job), step=_step(stored), result=text(result) if result else None
            )
            for at, job, stored, result in entries
        ),
        more=bool(more),
    )


def _surveyed(_: queues.SurveyQueues, reply: list[Any]) -> Mapping[str, queues.QueueTally]:
    now, known, waiting, counts = reply
    return queues.tallies(
        now=now,
        known=map(text, known),
        waiting={text(name): (number, since) for name, number, since in waiting},
        counts={text(name): int(n) for name, n in zip(counts[::2], counts[1::2], strict=True)},
    )


def _outbox(_: queues.SurveyOutbox, reply: list[int]) -> queues.OutboxTally:
    entries, oldest = reply
    return queues.OutboxTally(entries=entries, oldest=None if oldest < 0 else oldest)


def _due(op: callbacks.DueCallbacks, reply: list[Any]) -> tuple[callbacks.DueCallback, ...]:
    epoch, found = reply
    return tuple(
        callbacks.DueCallback(
            job=record(op.tenant, text(job), text(epoch), *rest),
            step=step,
            state=State(text(ended[1])),
            at=int(ended[3]),
        )
        for job, step, ended, *rest in found
    )


def _said(_: object, reply: int) -> bool:
    return bool(reply)


_DECODERS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    idempotency.Unmark: _said,
    ops.Confirm: _said,
    ops.Cancel: _cancelled,
    ops.Read: _read,
    ops.ListJobs: _listed,
    ops.Claim: _claimed,
    ops.Heartbeat: _renewed,
    ops.Progress: _said,
    ops.Checkpoint: _said,
    ops.Succeed: _settled,
    ops.Retry: _settled,
    ops.Fail: _settled,
    ops.Stop: _settled,
    ops.Release: _settled,
    ops.Park: lambda _, reply: answers.ParkVerdict(text(reply)),
    ops.Tick: _ticked,
    ops.Sweep: _swept,
    ops.Archive: _archived,
    letters.KeepUndecodable: _said,
    overdue.FindOverdue: _found_overdue,
    overdue.Expect: _said,
    ops.Locate: _located,
    feed.ReadFeed: _fed,
    queues.SurveyQueues: _surveyed,
    queues.SurveyOutbox: _outbox,
    retention.DeleteEnded: _deleted,
    callbacks.DueCallbacks: _due,
    callbacks.ClearCallback: _said,
    **SUBMIT_DECODERS,
    **LETTER_DECODERS,
}
