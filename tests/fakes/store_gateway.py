"""The fake store's answers to the gateway and to the stream."""

from shared.contracts import batches, callbacks
from shared.contracts import operations as ops
from shared.contracts.answers import (
    CancelAnswer,
    CancelVerdict,
    JobPage,
    Position,
)
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import Event, State
from shared.contracts.listing import JobFilter, JobPlace
from tests.fakes.store_feed import feed_place
from tests.fakes.store_state import Job, Tenant
from tests.fakes.store_submits import unconfirmed

AGAIN = 15_000


def confirm(tenant: Tenant, op: ops.Confirm) -> bool:
    job = tenant.jobs.get(op.job)
    if job is None or job.dispatch != op.dispatch:
        return False
    cleared = tenant.outbox.pop(op.job, None) is not None
    if cleared and job.state is State.QUEUED:
        tenant.wait(job, tenant.now)
    return cleared


def confirm_many(tenant: Tenant, op: batches.ConfirmMany) -> int:
    return sum(
        confirm(tenant, ops.Confirm(tenant=op.tenant, job=job, dispatch=dispatch))
        for job, dispatch in op.dispatches
    )


def cancel(tenant: Tenant, op: ops.Cancel) -> CancelAnswer:
    job = tenant.jobs.get(op.job)
    if job is None:
        return CancelAnswer(verdict=_bury_unknown(tenant, op), job=None)
    before = job.final
    verdict = _call_off(tenant, op, job)
    ended = job.final and not before
    return CancelAnswer(verdict=verdict, job=job.record(tenant.epoch), ended=ended)


def _bury_unknown(tenant: Tenant, op: ops.Cancel) -> CancelVerdict:
    made_at = int(op.job.replace("-", "")[:12], 16)
    if op.only_unconfirmed or op.job in tenant.gone or not tenant.forgot(made_at):
        return CancelVerdict.NOT_FOUND
    tenant.tombs[op.job] = tenant.now
    return CancelVerdict.TOMBSTONED


def _call_off(tenant: Tenant, op: ops.Cancel, job: Job) -> CancelVerdict:
    if job.state is State.CANCELLED:
        return CancelVerdict.CANCELLED
    if job.final:
        return CancelVerdict.ALREADY_FINAL
    if op.only_unconfirmed and not unconfirmed(tenant, job):
        return CancelVerdict.KEPT
    first = job.cancel_requested_at is None
    if first:
        job.cancel_requested_at, job.cancel_grace = tenant.now, op.grace
    if job.state is not State.RUNNING:
        tenant.move(job, Event.CANCELLED)
        return CancelVerdict.CANCELLED
    job.revision += first
    tenant.published.append((f"wm:worker:{job.worker}", job.id))
    return CancelVerdict.REQUESTED


def read(tenant: Tenant, op: ops.Read) -> JobRecord | None:
    job = tenant.jobs.get(op.job)
    return job.record(tenant.epoch) if job else None


def list_jobs(tenant: Tenant, op: ops.ListJobs) -> JobPage:
    """Look at all of them: `next` differs from the real store's where others lie between."""
    found = sorted(
        (job for job in tenant.jobs.values() if listed(job, op.filter)), key=_place, reverse=True
    )
    if op.before is not None:
        before = (op.before.created_at, op.before.job)
        found = [job for job in found if _place(job) < before]
    page = found[: op.limit]
    last = JobPlace(created_at=page[-1].created_at, job=page[-1].id) if page else None
    return JobPage(
        jobs=tuple(job.record(tenant.epoch) for job in page),
        next=last if len(found) > len(page) else None,
        as_of=feed_place(tenant),
    )


def _place(job: Job) -> tuple[int, str]:
    return (job.created_at, job.id)


def listed(job: Job | JobRecord, wanted: JobFilter) -> bool:
    """Whether a filter lets a job pass."""
    return (
        wanted.state in {None, job.state}
        and wanted.type in {None, job.type}
        and wanted.queue in {None, job.queue}
        and wanted.labels.items() <= job.labels.items()
        and (wanted.created_since is None or job.created_at >= wanted.created_since)
        and (wanted.created_before is None or job.created_at < wanted.created_before)
    )


def locate(tenant: Tenant, op: ops.Locate) -> Position | None:
    job = tenant.jobs.get(op.job)
    if job is None:
        return None
    assert job.state
    return Position(
        epoch=tenant.epoch,
        seq=tenant.seq,
        revision=job.revision,
        step=job.step,
        state=job.state,
        attempt=job.attempt,
        progress=job.progress,
        result=job.result,
        error=job.public_error,
        traceparent=job.traceparent,
        steps=tuple(step for step in job.steps if step.step > op.after_step),
    )


def due_callbacks(tenant: Tenant, op: callbacks.DueCallbacks) -> tuple[callbacks.DueCallback, ...]:
    ripe = [(at, entry) for entry, at in tenant.callbacks.items() if at <= tenant.now]
    found: list[callbacks.DueCallback] = []
    for _, (job, step) in sorted(ripe, key=lambda one: (one[0], f"{one[1][0]} {one[1][1]}")):
        if len(found) == op.limit:
            break
        tenant.callbacks[job, step] = tenant.now + AGAIN
        ended = tenant.jobs[job].steps[step - 1]
        record = tenant.jobs[job].record(tenant.epoch)
        found.append(callbacks.DueCallback(job=record, step=step, state=ended.state, at=ended.at))
    return tuple(found)


def clear_callback(tenant: Tenant, op: callbacks.ClearCallback) -> bool:
    return tenant.callbacks.pop((op.job, op.step), None) is not None
