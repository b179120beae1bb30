"""Jobs that have failed for good, made by asking a store; no worker needed."""

import uuid

import uuid_utils

from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, Outcome
from shared.contracts.operations import Claim, Confirm, Fail, Fault, Submit
from shared.ports import JobStore

REASON = DeadLetterReason.NOT_RETRYABLE


def bury(
    store: JobStore,
    tenant: str,
    count: int,
    *,
    kind: str = "demo.steps",
    code: str = "boom",
    reason: DeadLetterReason = REASON,
) -> list[str]:
    """Make `count` dead letters; return their ids."""
    text = f'{{"code":"{code}","message":"It broke.","type":"E","retryable":false}}'
    fault = Fault(error=text, public=text, outcome=Outcome.FAILED)
    jobs: list[str] = []
    for _ in range(count):
        job, token = str(uuid_utils.uuid7()), uuid.uuid4().hex
        submitted = store.do(
            Submit(
                tenant=tenant,
                job=job,
                type=kind,
                type_version=1,
                queue="default",
                priority=5,
                payload='{"steps":1}',
                max_attempts=3,
                labels={},
                submitted_by="key:dev",
            )
        )
        assert submitted.job
        message = RunJob.of(submitted.job)
        store.do(Confirm(tenant=tenant, job=job, dispatch=1))
        store.do(Claim(tenant=tenant, message=message, token=token, worker="w", lease=15_000))
        store.do(Fail(tenant=tenant, job=job, token=token, fault=fault, reason=reason))
        jobs.append(job)
    return jobs
