"""A job record and its message, as a claim finds them."""

from typing import Any

from msgspec.structs import replace

from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State

JOB_ID = "01938c5e-0000-7000-8000-000000000001"


def record(**facts: Any) -> JobRecord:
    """Return a job in its first attempt."""
    job = JobRecord(
        id=JOB_ID,
        tenant="acme",
        type="demo",
        type_version=2,
        queue="default",
        priority=5,
        state=State.RUNNING,
        revision=2,
        step=2,
        dispatch=1,
        epoch="e",
        attempt=1,
        max_attempts=4,
        payload='{"n":1}',
        created_at=1_000,
    )
    return replace(job, **facts)


def message(**facts: Any) -> RunJob:
    """Return the message of `record(**facts)`."""
    return RunJob.of(record(**facts))
