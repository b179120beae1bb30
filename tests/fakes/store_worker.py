"""The fake store's answers to the worker."""

import json

from shared.contracts import operations as ops
from shared.contracts.answers import (
    ClaimAnswer,
    ClaimVerdict,
    Renewal,
    RenewalVerdict,
    Settled,
    SettleVerdict,
)
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetter, DeadLetterReason, Outcome
from shared.contracts.lifecycle import Event, State
from tests.fakes.store_state import OUTBOX_PATIENCE, Job, Tenant

SWEEP_MARGIN = 1_000
PAUSE = 10_000
MOST_CRASHES = 2
MOST_LOSSES = 10
_BROKE = (
    '{"code":"worker_lost","message":"Its worker broke down.","type":"WorkerLost","retryable":true}'
)


def claim(tenant: Tenant, op: ops.Claim) -> ClaimAnswer:
    job = tenant.jobs.get(op.message.job)
    if job is None:
        answer = _claim_missing(tenant, op)
        if answer:
            return answer
        job = tenant.jobs[op.message.job]
    dispatch = op.message.options.dispatch
    if job.state is State.RUNNING and job.token == op.token:
        return _run(tenant, job)
    if job.final:
        if job.verdict_token == op.token:
            code = json.loads(job.error)["code"] if job.dead_letter and job.error else ""
            return ClaimAnswer(verdict=ClaimVerdict(job.verdict), code=code)
        if not (job.dead_letter and dispatch > job.dispatch):
            return ClaimAnswer(verdict=ClaimVerdict.FINAL)
    if dispatch < job.dispatch:
        held = job.id in tenant.outbox
        current = RunJob.of(job.record(tenant.epoch)) if held else None
        return ClaimAnswer(verdict=ClaimVerdict.STALE, publish=current)
    if dispatch > job.dispatch:
        tenant.adopt(job, op.message)
    tenant.outbox.pop(job.id, None)
    tenant.note_handed(job)
    if job.state is State.RUNNING:
        left = max(0, tenant.leases.get(job.id, tenant.now) - tenant.now)
        return ClaimAnswer(verdict=ClaimVerdict.LIVE, delay=left + SWEEP_MARGIN)
    answer = _claim_waiting(tenant, op, job)
    if job.state is State.QUEUED:
        tenant.wait(job, tenant.now + answer.delay)
    return answer


def _claim_missing(tenant: Tenant, op: ops.Claim) -> ClaimAnswer | None:
    if op.message.job in tenant.gone:
        return ClaimAnswer(verdict=ClaimVerdict.FINAL)
    asked_at = tenant.tombs.pop(op.message.job, None)
    if asked_at is not None:
        job = tenant.create(op.message, tenant.epoch)
        tenant.enqueue(job, Event.REBUILT)
        job.cancel_requested_at = asked_at
        return _decide(tenant, op, job, ClaimVerdict.CANCELLED, Event.CANCELLED)
    if not tenant.forgot(op.message.options.recorded_at):
        return ClaimAnswer(verdict=ClaimVerdict.FINAL)
    grace = tenant.grace_left(None, op.lease)
    if grace:
        return ClaimAnswer(verdict=ClaimVerdict.LIVE, delay=grace)
    tenant.enqueue(tenant.create(op.message, tenant.epoch), Event.REBUILT)
    return None


def _claim_waiting(tenant: Tenant, op: ops.Claim, job: Job) -> ClaimAnswer:
    now = tenant.now
    if job.cancel_requested_at is not None:
        return _decide(tenant, op, job, ClaimVerdict.CANCELLED, Event.CANCELLED)
    grace = tenant.grace_left(job.made_in, op.lease)
    if grace:
        return ClaimAnswer(verdict=ClaimVerdict.LIVE, delay=grace)
    if job.expires_at is not None and job.expires_at <= now and job.started_at is None:
        return _decide(tenant, op, job, ClaimVerdict.EXPIRED, Event.EXPIRED)
    if op.paused:
        return ClaimAnswer(verdict=ClaimVerdict.PAUSED, delay=PAUSE)
    if job.due_at is not None and job.due_at > now:
        return ClaimAnswer(verdict=ClaimVerdict.NOT_DUE, delay=job.due_at - now)
    if job.crashes >= MOST_CRASHES:
        return _bury(tenant, op, job, ClaimVerdict.POISON, "Its process died twice.")
    if job.losses > MOST_LOSSES:
        return _bury(tenant, op, job, ClaimVerdict.POISON, "Its worker was lost too often.")
    if job.spent >= job.max_attempts:
        return _bury(tenant, op, job, ClaimVerdict.EXHAUSTED, "No attempt is left.")
    if job.is_worn_out():
        words, code = "It has made 1,000 steps.", "too_many_steps"
        return _bury(tenant, op, job, ClaimVerdict.EXHAUSTED, words, code=code)
    tenant.start(job, op.token, op.worker, op.lease, Event.STARTED)
    return _run(tenant, job)


def _run(tenant: Tenant, job: Job) -> ClaimAnswer:
    return ClaimAnswer(verdict=ClaimVerdict.RUN, job=job.record(tenant.epoch))


def _decide(
    tenant: Tenant, op: ops.Claim, job: Job, verdict: ClaimVerdict, event: Event
) -> ClaimAnswer:
    job.verdict_token, job.verdict = op.token, verdict
    tenant.move(job, event)
    return ClaimAnswer(verdict=verdict)


def _bury(
    tenant: Tenant,
    op: ops.Claim,
    job: Job,
    verdict: ClaimVerdict,
    words: str,
    *,
    code: str | None = None,
) -> ClaimAnswer:
    poison = verdict is ClaimVerdict.POISON
    reason = DeadLetterReason.POISON if poison else DeadLetterReason.ATTEMPTS_EXHAUSTED
    code = code or reason
    error = {"code": code, "message": words, "type": code, "retryable": False}
    text = json.dumps(error, separators=(",", ":"))
    job.verdict_token, job.verdict = op.token, verdict
    tenant.give_up(job, reason, text, text)
    return ClaimAnswer(verdict=verdict, code=code)


def heartbeat(tenant: Tenant, op: ops.Heartbeat) -> Renewal:
    job = tenant.jobs.get(op.message.job)
    dispatch = op.message.options.dispatch
    if job is None:
        deleted = op.message.job in tenant.gone
        if deleted or not tenant.forgot(op.message.options.recorded_at):
            return Renewal(verdict=RenewalVerdict.LOST)
        job = tenant.create(op.message, None)
        job.cancel_requested_at = tenant.tombs.pop(op.message.job, None)
        tenant.start(job, op.token, op.worker, op.lease, Event.REASSERTED)
    elif job.state is State.RUNNING and job.token == op.token:
        tenant.leases[job.id] = tenant.now + op.lease
    elif _went_back(tenant, job, op) and dispatch >= job.dispatch:
        if dispatch > job.dispatch:
            tenant.adopt(job, op.message)
        tenant.start(job, op.token, op.worker, op.lease, Event.STARTED)
    else:
        return Renewal(verdict=RenewalVerdict.LOST)
    held = tenant.grace_left(job.made_in, op.lease) > 0
    left = None
    if job.cancel_requested_at is not None and job.cancel_grace is not None:
        left = max(0, job.cancel_requested_at + job.cancel_grace - tenant.now)
    return Renewal(
        verdict=RenewalVerdict.HOLD if held else RenewalVerdict.OK,
        cancel_requested_at=job.cancel_requested_at,
        cancel_in=left,
    )


def _went_back(tenant: Tenant, job: Job, op: ops.Heartbeat) -> bool:
    waits = job.state in {State.QUEUED, State.SCHEDULED, State.RETRYING}
    handed_back = job.settled_token == op.token
    return waits and not handed_back and tenant.grace_left(job.made_in, op.lease) > 0


def progress(tenant: Tenant, op: ops.Progress) -> bool:
    job = tenant.jobs.get(op.job)
    if job is None:
        return True
    if job.state is not State.RUNNING or job.token != op.token:
        return tenant.grace_left(job.made_in, tenant.lease) > 0
    if op.number > job.number:
        tenant.tell_progress(job, op.progress, op.number)
    return True


def checkpoint(tenant: Tenant, op: ops.Checkpoint) -> bool:
    job = tenant.jobs.get(op.job)
    if job is None:
        return True
    if job.state is not State.RUNNING or job.token != op.token:
        return tenant.grace_left(job.made_in, tenant.lease) > 0
    job.checkpoint = op.data
    return True


def _refused(tenant: Tenant, op: ops.Settle) -> Settled | None:
    job = tenant.jobs.get(op.job)
    if job and job.settled and job.settled_token == op.token:
        state, dispatch, delay = job.settled
        moved_on = dispatch != job.dispatch or job.final or job.state is State.RUNNING
        if moved_on or delay < 0:
            return Settled(verdict=SettleVerdict.OK, state=state)
        return Settled(
            verdict=SettleVerdict.OK,
            state=state,
            publish=RunJob.of(job.record(tenant.epoch)),
            delay=delay,
        )
    if job is None or job.state is not State.RUNNING or job.token != op.token:
        return Settled(verdict=SettleVerdict.LOST)
    if op.progress is not None:
        tenant.tell_progress(job, op.progress, job.number + 1)
    return None


def _settle(
    tenant: Tenant, op: ops.Settle, event: Event, *, result: str | None = None, delay: int = -1
) -> Settled:
    job = tenant.jobs[op.job]
    tenant.move(job, event, result)
    assert job.state
    job.settled_token, job.settled = op.token, (job.state, job.dispatch, delay)
    publish = RunJob.of(job.record(tenant.epoch)) if delay >= 0 else None
    return Settled(verdict=SettleVerdict.OK, state=job.state, publish=publish, delay=max(0, delay))


def succeed(tenant: Tenant, op: ops.Succeed) -> Settled:
    if refused := _refused(tenant, op):
        return refused
    job = tenant.jobs[op.job]
    tenant.end_attempt(job, Outcome.SUCCEEDED, None, used=True)
    job.result = op.result
    return _settle(tenant, op, Event.SUCCEEDED, result=op.result)


def retry(tenant: Tenant, op: ops.Retry) -> Settled:
    if refused := _refused(tenant, op):
        return refused
    job = tenant.jobs[op.job]
    tenant.end_attempt(job, op.fault.outcome, op.fault.error, used=True)
    if job.cancel_requested_at is not None:
        return _settle(tenant, op, Event.CANCELLED)
    job.error, job.public_error = op.fault.error, op.fault.public
    job.retry_at = tenant.due[job.id] = tenant.now + op.delay
    tenant.new_dispatch(job, tenant.now + OUTBOX_PATIENCE)
    return _settle(tenant, op, Event.ERRED, delay=op.delay)


def fail(tenant: Tenant, op: ops.Fail) -> Settled:
    if refused := _refused(tenant, op):
        return refused
    job = tenant.jobs[op.job]
    tenant.end_attempt(job, op.fault.outcome, op.fault.error, used=True)
    job.error, job.public_error = op.fault.error, op.fault.public
    job.dead_letter = DeadLetter(since=tenant.now, reason=op.reason)
    return _settle(tenant, op, Event.GAVE_UP)


def stop(tenant: Tenant, op: ops.Stop) -> Settled:
    if refused := _refused(tenant, op):
        return refused
    tenant.end_attempt(tenant.jobs[op.job], Outcome.CANCELLED, None, used=True)
    tenant.jobs[op.job].stopped_by = op.rung
    return _settle(tenant, op, Event.CANCELLED)


def release(tenant: Tenant, op: ops.Release) -> Settled:
    if refused := _refused(tenant, op):
        return refused
    if op.lost:
        tenant.end_attempt(tenant.jobs[op.job], Outcome.WORKER_LOST, _BROKE, used=False)
        tenant.jobs[op.job].losses += 1
    else:
        tenant.end_attempt(tenant.jobs[op.job], Outcome.INTERRUPTED, None, used=False)
    answer = _settle(tenant, op, Event.RELEASED)
    tenant.wait(tenant.jobs[op.job], tenant.now)
    return answer
