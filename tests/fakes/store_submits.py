"""The fake store's answers to those who submit."""

from shared.contracts import batches, idempotency
from shared.contracts import operations as ops
from shared.contracts.answers import Submitted, SubmitVerdict
from shared.contracts.commands import SCHEMA, RunJob, RunJobOptions
from shared.contracts.job import OnConflict
from shared.contracts.lifecycle import Event
from tests.fakes.store_state import OUTBOX_PATIENCE, Job, Tenant

MARKER = 10_000
REFUSALS = {
    SubmitVerdict.IN_FLIGHT,
    SubmitVerdict.MISMATCH,
    SubmitVerdict.TAKEN,
    SubmitVerdict.OVER_QUOTA,
}


def submit(tenant: Tenant, op: ops.Submit) -> Submitted:
    known = tenant.jobs.get(op.job)
    if known:
        return Submitted(verdict=SubmitVerdict.ACCEPTED, job=known.record(tenant.epoch))
    bound = tenant.bound.get(op.key.hash) if op.key else None
    job = tenant.jobs.get(str(bound["job"])) if bound else None
    if bound and job:
        return _bound_already(tenant, op, bound, job)
    if holder := tenant.uniques.get(op.unique_key or ""):
        if op.on_conflict is OnConflict.REJECT:
            return Submitted(verdict=SubmitVerdict.TAKEN, job=None, holder=holder)
        job = tenant.jobs[holder]
        record = job.record(tenant.epoch)
        owed = unconfirmed(tenant, job)
        if op.key and not owed:
            _bind(tenant, op, job.id, until=0)
            job.also_keys.append(op.key.hash)
            job.keyed_at = tenant.now
        return Submitted(verdict=SubmitVerdict.DUPLICATE, job=record, owed=owed)
    if op.quota is not None and tenant.live >= op.quota:
        return Submitted(verdict=SubmitVerdict.OVER_QUOTA, job=None)
    return _write(tenant, op)


def _write(tenant: Tenant, op: ops.Submit) -> Submitted:
    _bind(tenant, op, op.job, until=tenant.now + MARKER)
    job = tenant.create(_as_message(tenant, op), tenant.epoch)
    tenant.need_message(job, tenant.now + OUTBOX_PATIENCE)
    tenant.enqueue(job, Event.SUBMITTED)
    return Submitted(verdict=SubmitVerdict.ACCEPTED, job=job.record(tenant.epoch))


def _bind(tenant: Tenant, op: ops.Submit, job: str, *, until: int) -> None:
    if op.key:
        fingerprint = op.key.fingerprint
        tenant.bound[op.key.hash] = {
            "job": job,
            "fingerprint": fingerprint,
            "until": until,
            "of": op.job,
        }


def submit_many(tenant: Tenant, op: batches.SubmitMany) -> tuple[Submitted, ...]:
    if op.atomic:
        refusals = _refusals(tenant, op.jobs)
        if any(refusals):
            withheld = Submitted(verdict=SubmitVerdict.WITHHELD, job=None)
            return tuple(refusal or withheld for refusal in refusals)
    return tuple(submit(tenant, one) for one in op.jobs)


def _refusals(tenant: Tenant, jobs: tuple[ops.Submit, ...]) -> list[Submitted | None]:
    """What is against each, when those before it come."""
    found: list[Submitted | None] = []
    planned: list[str | None] = []
    for op in jobs:
        bound = tenant.bound.get(op.key.hash) if op.key else None
        job = tenant.jobs.get(str(bound["job"])) if bound else None
        refusal, comes = None, False
        if op.job in tenant.jobs:
            pass
        elif bound and job:
            was = dict(bound)
            answer = _bound_already(tenant, op, bound, job)
            bound.update(was)
            refusal = answer if answer.verdict in REFUSALS else None
        elif op.unique_key and (op.unique_key in tenant.uniques or op.unique_key in planned):
            if op.on_conflict is OnConflict.REJECT:
                holder = tenant.uniques.get(op.unique_key)
                refusal = Submitted(verdict=SubmitVerdict.TAKEN, job=None, holder=holder)
        elif op.quota is not None and tenant.live + len(planned) >= op.quota:
            refusal = Submitted(verdict=SubmitVerdict.OVER_QUOTA, job=None)
        else:
            comes = True
        found.append(refusal)
        if comes:
            planned.append(op.unique_key)
    return found


def _bound_already(
    tenant: Tenant, op: ops.Submit | idempotency.Recall, bound: dict[str, object], job: Job
) -> Submitted:
    assert op.key
    assert isinstance(bound["until"], int)
    if bound["fingerprint"] != op.key.fingerprint:
        return Submitted(verdict=SubmitVerdict.MISMATCH, job=None)
    if not unconfirmed(tenant, job):
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


def unconfirmed(tenant: Tenant, job: Job) -> bool:
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
            tracestate=op.tracestate,
            retention=op.retention,
            unique_key=op.unique_key,
            callback_url=op.callback_url,
        ),
    )
