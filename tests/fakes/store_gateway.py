"""The fake store's answers to the gateway and to the stream."""

from shared.contracts import idempotency
from shared.contracts import operations as ops
from shared.contracts.answers import (
    CancelAnswer,
    CancelVerdict,
    JobPage,
    Position,
    Submitted,
    SubmitVerdict,
)
from shared.contracts.commands import SCHEMA, RunJob, RunJobOptions
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import Event, State
from tests.fakes.store_state import OUTBOX_PATIENCE, Job, Tenant

MARKER = 10_000


def submit(tenant: Tenant, op: ops.Submit) -> Submitted:
    known = tenant.jobs.get(op.job)
    if known:
        return Submitted(verdict=SubmitVerdict.ACCEPTED, job=known.record(tenant.epoch))
    if op.key:
        bound = tenant.bound.get(op.key.hash)
        job = tenant.jobs.get(str(bound["job"])) if bound else None
        if bound and job:
            return _bound_already(tenant, op, bound, job)
        tenant.bound[op.key.hash] = {
            "job": op.job,
            "fingerprint": op.key.fingerprint,
            "until": tenant.now + MARKER,
            "of": op.job,
        }
    job = tenant.create(_as_message(tenant, op), tenant.epoch)
    tenant.need_message(job, tenant.now + OUTBOX_PATIENCE)
    tenant.enqueue(job, Event.SUBMITTED)
    return Submitted(verdict=SubmitVerdict.ACCEPTED, job=job.record(tenant.epoch))


def _bound_already(
    tenant: Tenant, op: ops.Submit | idempotency.Recall, bound: dict[str, object], job: Job
) -> Submitted:
    assert op.key
    assert isinstance(bound["until"], int)
    if bound["fingerprint"] != op.key.fingerprint:
        return Submitted(verdict=SubmitVerdict.MISMATCH, job=None)
    if not _unconfirmed(tenant, job):
        return Submitted(verdict=SubmitVerdict.REPLAYED, job=job.record(tenant.epoch))
    if bound["until"] > tenant.now and bound["of"] != op.job:
        return Submitted(verdict=SubmitVerdict.IN_FLIGHT, job=None)
    bound["until"], bound["of"] = tenant.now + MARKER, op.job
    return Submitted(verdict=SubmitVerdict.REPUBLISH, job=job.record(tenant.epoch))


def recall(tenant: Tenant, op: idempotency.Recall) -> Submitted | None:
    bound = tenant.bound.get(op.key.hash)
    job = tenant.jobs.get(str(bound["job"])) if bound else None
    return _bound_already(tenant, op, bound, job) if bound and job else None


def unmark(tenant: Tenant, op: idempotency.Unmark) -> bool:
    bound = tenant.bound.get(op.key.hash)
    if bound is None or bound["of"] != op.job:
        return False
    bound["until"] = 0
    return True


def _unconfirmed(tenant: Tenant, job: Job) -> bool:
    return job.dispatch == 1 and job.id in tenant.outbox


def _as_message(tenant: Tenant, op: ops.Submit) -> RunJob:
    run_at = op.run_at if op.delay is None else tenant.now + op.delay
    return RunJob(
        job=op.job,
        type=op.type,
        payload=op.payload,
        options=RunJobOptions(
            schema=SCHEMA,
            tenant=op.tenant,
            dispatch=1,
            queue=op.queue,
            priority=op.priority,
            type_version=op.type_version,
            recorded_at=tenant.now,
            max_attempts=op.max_attempts,
            run_at=run_at,
            expires_at=op.expires_at,
            labels=op.labels,
            submitted_by=op.submitted_by,
            key_hash=op.key.hash if op.key else None,
            traceparent=op.traceparent,
        ),
    )


def confirm(tenant: Tenant, op: ops.Confirm) -> bool:
    job = tenant.jobs.get(op.job)
    if job is None or job.dispatch != op.dispatch:
        return False
    cleared = tenant.outbox.pop(op.job, None) is not None
    if cleared and job.state is State.QUEUED:
        tenant.wait(job, tenant.now)
    return cleared


def cancel(tenant: Tenant, op: ops.Cancel) -> CancelAnswer:
    job = tenant.jobs.get(op.job)
    if job is None:
        return CancelAnswer(verdict=_bury_unknown(tenant, op), job=None)
    verdict = _call_off(tenant, op, job)
    return CancelAnswer(verdict=verdict, job=job.record(tenant.epoch))


def _bury_unknown(tenant: Tenant, op: ops.Cancel) -> CancelVerdict:
    made_at = int(op.job.replace("-", "")[:12], 16)
    if op.only_unconfirmed or not tenant.forgot(made_at):
        return CancelVerdict.NOT_FOUND
    tenant.tombs[op.job] = tenant.now
    return CancelVerdict.TOMBSTONED


def _call_off(tenant: Tenant, op: ops.Cancel, job: Job) -> CancelVerdict:
    if job.state is State.CANCELLED:
        return CancelVerdict.CANCELLED
    if job.final:
        return CancelVerdict.ALREADY_FINAL
    if op.only_unconfirmed and not _unconfirmed(tenant, job):
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
    older = (id_ for id_ in tenant.jobs if op.before is None or id_ < op.before)
    ids = sorted(older, reverse=True)
    page = tuple(tenant.jobs[id_].record(tenant.epoch) for id_ in ids[: op.limit])
    return JobPage(jobs=page, next=page[-1].id if len(ids) > op.limit else None)


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
        steps=tuple(step for step in job.steps if step.step > op.after_step),
    )
