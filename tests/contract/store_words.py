"""Short ways to say what the store is asked in tests."""

import itertools
from typing import Any, Final

from shared.contracts import operations as ops
from shared.contracts.answers import ClaimAnswer, Submitted
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from tests.contract.store_worlds import TENANT, World

LEASE = 15_000
ERROR = '{"code":"oops","message":"no [] 12345678901234567890","type":"E","retryable":true}'
PUBLIC = '{"code":"oops","message":"It failed.","type":"E","retryable":true}'
FAULT = ops.Fault(error=ERROR, public=PUBLIC, outcome=Outcome.FAILED)
CRASH = ops.Fault(error=ERROR, public=PUBLIC, outcome=Outcome.CRASHED)
PROGRESS = '{"current":1,"total":4,"percent":25.0,"message":null}'
_numbers = itertools.count(1)


def job_id(at: int, number: int | None = None) -> str:
    """Make a UUIDv7 of a time (ms)."""
    tail = next(_numbers) if number is None else number
    return f"{at >> 16:08x}-{at & 0xFFFF:04x}-7000-8000-{tail:012x}"


def token(number: int | None = None) -> str:
    """Make a claim's token."""
    return f"{next(_numbers) if number is None else number:032x}"


TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def submit_of(world: World, **changes: Any) -> ops.Submit:
    facts: dict[str, Any] = {
        "tenant": TENANT,
        "job": job_id(world.now),
        "type": "csv.profile",
        "type_version": 1,
        "queue": "default",
        "priority": 5,
        "payload": '{"rows":[],"big":12345678901234567890}',
        "max_attempts": 3,
        "labels": {"team": "ünits"},
        "submitted_by": "key:1",
        "traceparent": TRACEPARENT,
        "tracestate": "a=1,b=x y",
    }
    return ops.Submit(**{**facts, **changes})


def submit(world: World, **changes: Any) -> JobRecord:
    """Submit a job and confirm its message."""
    job = submit_unconfirmed(world, **changes)
    assert world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=1))
    return job


def submit_unconfirmed(world: World, **changes: Any) -> JobRecord:
    answer: Submitted = world.do(submit_of(world, **changes))
    assert answer.job
    return answer.job


def read(world: World, job: str) -> JobRecord:
    record = world.do(ops.Read(tenant=TENANT, job=job))
    assert record
    return record


def claim_of(message: RunJob, **changes: Any) -> ops.Claim:
    facts: dict[str, Any] = {"token": token(), "worker": "w1", "lease": LEASE}
    return ops.Claim(tenant=TENANT, message=message, **{**facts, **changes})


def claim(world: World, job: JobRecord | RunJob, **changes: Any) -> ClaimAnswer:
    message = job if isinstance(job, RunJob) else RunJob.of(job)
    return world.do(claim_of(message, **changes))


def running(world: World, **changes: Any) -> tuple[JobRecord, str]:
    """Submit a job and claim it; return the record as claimed and the token."""
    right = token()
    answer = claim(world, submit(world, **changes), token=right)
    assert answer.job, answer
    return answer.job, right


def heartbeat_of(job: JobRecord, right: str, worker: str = "w1") -> ops.Heartbeat:
    return ops.Heartbeat(
        tenant=TENANT, message=RunJob.of(job), token=right, worker=worker, lease=LEASE
    )


def succeed_of(job: JobRecord, right: str, result: str = '{"n":[]}', **more: Any) -> ops.Succeed:
    return ops.Succeed(tenant=TENANT, job=job.id, token=right, result=result, **more)


def retry_of(job: JobRecord, right: str, fault: ops.Fault = FAULT, delay: int = 2_000) -> ops.Retry:
    return ops.Retry(tenant=TENANT, job=job.id, token=right, fault=fault, delay=delay)


def crash_of(job: JobRecord, right: str) -> ops.Retry:
    return retry_of(job, right, CRASH, delay=0)


def fail_of(job: JobRecord, right: str, fault: ops.Fault = FAULT) -> ops.Fail:
    reason = DeadLetterReason.NOT_RETRYABLE
    return ops.Fail(tenant=TENANT, job=job.id, token=right, fault=fault, reason=reason)


def release_of(job: JobRecord, right: str) -> ops.Release:
    return ops.Release(tenant=TENANT, job=job.id, token=right)


def stop_of(job: JobRecord, right: str) -> ops.Stop:
    return ops.Stop(tenant=TENANT, job=job.id, token=right, rung="exception")


def progress_of(job: JobRecord, right: str, number: int = 1, told: str = PROGRESS) -> ops.Progress:
    return ops.Progress(tenant=TENANT, job=job.id, token=right, number=number, progress=told)


def cancel_of(job: str, **more: Any) -> ops.Cancel:
    return ops.Cancel(tenant=TENANT, job=job, **{"reason": "changed my mind", **more})


def tick(world: World, seconds: int = 0) -> None:
    """Let time pass with a tick every second, as when all is well; then tick once."""
    for _ in range(seconds):
        world.do(ops.Tick(tenant=TENANT, lease=LEASE))
        world.now += 1_000
    world.do(ops.Tick(tenant=TENANT, lease=LEASE))


SWEEP = ops.Sweep(tenant=TENANT, limit=100)
