"""The fake store's answers to housekeeping."""

import json

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts import retention
from shared.contracts.answers import Archived, ArchiveVerdict, Moved, ParkVerdict, Swept
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, Outcome
from shared.contracts.lifecycle import Event, State
from tests.fakes.store_state import OUTBOX_PATIENCE, Job, Tenant
from tests.fakes.store_worker import MOST_CRASHES, SWEEP_MARGIN

GAP = 3_000
LONGEST_PATIENCE = 60_000
CALLBACK_PATIENCE = 60_000
YOUNG = 660_000


def _error(code: str, message: str, type_: str, *, retryable: bool) -> str:
    error = {"code": code, "message": message, "type": type_, "retryable": retryable}
    return json.dumps(error, separators=(",", ":"))


_LOST = _error(
    "worker_lost", "Its worker stopped renewing the lease.", "WorkerLost", retryable=True
)
_GONE = _error(
    "delivery_limit",
    "The broker delivered its message too often.",
    "DeliveryLimit",
    retryable=False,
)
_UNKNOWN = _error(
    "rejected", "A worker gave it up; the details are lost.", "Rejected", retryable=False
)


def sweep(tenant: Tenant, op: ops.Sweep) -> Swept:
    moved: list[Moved] = []
    lost, seen_leases = (0, 0) if _is_held(tenant) else _take_lost(tenant, op.limit, moved)
    due, seen_due = _make_due(tenant, op.limit, moved)
    publish, seen_outbox = _hand_out(tenant, op.limit)
    more = max(seen_leases, seen_due, seen_outbox) >= op.limit
    return Swept(lost=lost, due=due, moved=tuple(moved), publish=publish, more=more)


def _is_held(tenant: Tenant) -> bool:
    changed = tenant.changed_at
    return (
        tenant.now < tenant.hold_until
        or tenant.now - (tenant.tick or tenant.born_at) > GAP
        or (changed is not None and tenant.now < changed + tenant.lease)
    )


def _batch(tenant: Tenant, index: dict[str, int], limit: int) -> list[str]:
    ripe = [(at, job) for job, at in index.items() if at <= tenant.now]
    return [job for _, job in sorted(ripe)[:limit]]


def _take_lost(tenant: Tenant, limit: int, moved: list[Moved]) -> tuple[int, int]:
    found = _batch(tenant, tenant.leases, limit)
    for id_ in found:
        job = tenant.jobs[id_]
        tenant.end_attempt(job, Outcome.WORKER_LOST, _LOST, used=False)
        job.losses += 1
        tenant.new_dispatch(job, tenant.now)
        tenant.move(job, Event.LOST)
        moved.append(_moved(job, Event.LOST))
    return len(found), len(found)


def _make_due(tenant: Tenant, limit: int, moved: list[Moved]) -> tuple[int, int]:
    found = _batch(tenant, tenant.due, limit)
    made = 0
    for id_ in found:
        job = tenant.jobs[id_]
        tenant.due.pop(id_)
        late = job.expires_at is not None and job.expires_at <= tenant.now
        if job.state is State.SCHEDULED and late:
            tenant.move(job, Event.EXPIRED)
            moved.append(_moved(job, Event.EXPIRED))
        else:
            due_at = job.due_at
            tenant.move(job, Event.DUE)
            moved.append(_moved(job, Event.DUE))
            if id_ not in tenant.outbox:
                assert due_at is not None
                tenant.wait(job, due_at)
            made += 1
    return made, len(found)


def _moved(job: Job, event: Event) -> Moved:
    return Moved(
        job=job.id,
        event=event,
        type=job.type,
        queue=job.queue,
        attempt=job.attempt,
        submitted_by=job.submitted_by,
        traceparent=job.traceparent,
    )


def _hand_out(tenant: Tenant, limit: int) -> tuple[tuple[tuple[RunJob, int], ...], int]:
    found = _batch(tenant, tenant.outbox, limit)
    messages = []
    for id_ in found:
        job = tenant.jobs[id_]
        patience = min(LONGEST_PATIENCE, OUTBOX_PATIENCE * 2**job.handed)
        job.handed += 1
        tenant.outbox[id_] = tenant.now + patience
        delay = max(0, (job.due_at or 0) - tenant.now)
        messages.append((RunJob.of(job.record(tenant.epoch)), delay))
    return tuple(messages), len(found)


def park(tenant: Tenant, op: ops.Park) -> ParkVerdict:
    job = tenant.jobs.get(op.message.job)
    dispatch = op.message.options.dispatch
    if job is None:
        buried = op.message.job in tenant.tombs or op.message.job in tenant.gone
        if buried or not tenant.forgot(op.message.options.recorded_at):
            return ParkVerdict.LEFT
        job = tenant.create(op.message, tenant.epoch)
        tenant.move(job, Event.REBUILT)
    if job.state is State.FAILED and job.dispatch == dispatch:
        dead = job.dead_letter
        known = dead is not None and dead.reason is DeadLetterReason.UNKNOWN_TYPE
        return ParkVerdict.LEFT if known else ParkVerdict.REFUSED
    if job.final or job.state is State.RUNNING or dispatch < job.dispatch:
        return ParkVerdict.REFUSED
    job.dispatch = dispatch
    tenant.give_up(job, DeadLetterReason.UNKNOWN_TYPE, op.fault.error, op.fault.public)
    return ParkVerdict.PARKED


def archive(tenant: Tenant, op: ops.Archive) -> Archived:
    job = tenant.jobs.get(op.message.job)
    if job is None:
        answer = _archive_missing(tenant, op)
        if answer:
            return answer
        job = tenant.jobs[op.message.job]
    dispatch = op.message.options.dispatch
    if job.final:
        return Archived(verdict=ArchiveVerdict.ACK)
    if dispatch < job.dispatch:
        if job.id not in tenant.outbox:
            return Archived(verdict=ArchiveVerdict.ACK)
        return _publish(tenant, job)
    if dispatch > job.dispatch:
        tenant.adopt(job, op.message)
    if job.state is State.RUNNING:
        tenant.outbox.pop(job.id, None)
        left = max(0, tenant.leases.get(job.id, tenant.now) - tenant.now)
        return _copy(op, left + SWEEP_MARGIN)
    spent = job.spent >= job.max_attempts or job.crashes >= MOST_CRASHES
    if op.delivery_limit and spent:
        tenant.give_up(job, DeadLetterReason.DELIVERY_LIMIT, _GONE, _GONE)
        return Archived(verdict=ArchiveVerdict.ACK, ended="delivery_limit")
    tenant.new_dispatch(job, tenant.now + OUTBOX_PATIENCE)
    return _publish(tenant, job)


def _archive_missing(tenant: Tenant, op: ops.Archive) -> Archived | None:
    if op.message.job in tenant.gone or not tenant.forgot(op.message.options.recorded_at):
        return Archived(verdict=ArchiveVerdict.ACK)
    asked_at = tenant.tombs.pop(op.message.job, None)
    grace = tenant.grace_left(None, tenant.lease)
    if grace and op.delivery_limit and asked_at is None:
        return _copy(op, grace)
    job = tenant.create(op.message, tenant.epoch)
    tenant.move(job, Event.REBUILT)
    if asked_at is not None:
        job.cancel_requested_at = asked_at
        tenant.move(job, Event.CANCELLED)
        return Archived(verdict=ArchiveVerdict.ACK, ended="cancelled")
    if op.delivery_limit:
        return None
    tenant.give_up(job, DeadLetterReason.NOT_RETRYABLE, _UNKNOWN, _UNKNOWN)
    return Archived(verdict=ArchiveVerdict.ACK, ended="rejected")


def _publish(tenant: Tenant, job: Job) -> Archived:
    message = RunJob.of(job.record(tenant.epoch))
    if job.due_at is not None and job.due_at > tenant.now:
        delay = job.due_at - tenant.now
        return Archived(verdict=ArchiveVerdict.PUBLISH_LATER, message=message, delay=delay)
    return Archived(verdict=ArchiveVerdict.PUBLISH, message=message)


def _copy(op: ops.Archive, delay: int) -> Archived:
    return Archived(verdict=ArchiveVerdict.PUBLISH_LATER, message=op.message, delay=delay)


def keep_undecodable(tenant: Tenant, op: letters.KeepUndecodable) -> bool:
    known = op.digest in tenant.undecodables
    tenant.undecodables.setdefault(op.digest, op.body)
    return not known


def delete_ended(tenant: Tenant, op: retention.DeleteEnded) -> retention.Deleted:
    found = _batch(tenant, tenant.kept, op.limit)
    deleted = []
    for id_ in found:
        job = tenant.jobs[id_]
        if (id_, job.step) in tenant.callbacks:
            tenant.kept[id_] = tenant.now + CALLBACK_PATIENCE
            continue
        del tenant.kept[id_]
        _delete(tenant, job)
        deleted.append(id_)
    return retention.Deleted(jobs=tuple(deleted), more=len(found) >= op.limit)


def _delete(tenant: Tenant, job: Job) -> None:
    if tenant.forgot(job.created_at) or job.created_at > tenant.now - YOUNG:
        tenant.gone.add(job.id)
    for key_hash in (job.key_hash, *job.also_keys):
        bound = tenant.bound.get(key_hash or "")
        if key_hash and bound and bound["job"] == job.id:
            del tenant.bound[key_hash]
    del tenant.jobs[job.id]
