"""The record of a job, as the store keeps it and the services read it.

User data (payload, result, progress, error, checkpoint) stays JSON text: it is handed on byte for
byte, so that no number and no empty list changes on its way. Times are milliseconds since the
epoch, UTC, by the clock of the store.
"""

from enum import StrEnum
from typing import Final

import msgspec

from shared.contracts.lifecycle import FINAL_STATES, State

DEFAULT_RETENTION: Final = 7 * 24 * 3600 * 1000  # ms after its end


class DeadLetterReason(StrEnum):
    """Why a failed job waits for somebody to act."""

    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    NOT_RETRYABLE = "not_retryable"
    POISON = "poison"
    UNKNOWN_TYPE = "unknown_type"
    UNDECODABLE = "undecodable"
    DELIVERY_LIMIT = "delivery_limit"


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the handler raised
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"  # the slot died while its worker lived
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # handed back by a deploy; not counted
    WORKER_LOST = "worker_lost"  # the lease ran out; not counted


class OnConflict(StrEnum):
    """What a submit gets whose `unique_key` is held by a living job."""

    RETURN = "return"  # that job
    REJECT = "reject"  # a refusal


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the handler. `error` is the full error as JSON text, for operators."""

    number: int
    started_at: int
    finished_at: int | None
    outcome: Outcome | None
    error: str | None
    worker: str


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Since when (ms) and why a failed job waits for an operator."""

    since: int
    reason: DeadLetterReason


class Discarded(msgspec.Struct, frozen=True, kw_only=True):
    """When (ms), by whom and why an operator gave a dead letter up for good."""

    at: int
    by: str
    reason: str | None


class JobRecord(msgspec.Struct, frozen=True):
    """One job, whole. `dispatch`, `epoch`, `spent` and the counts are for the house only.

    Made by name, but where many are made at once: by place that costs a quarter.
    """

    id: str
    tenant: str
    type: str
    type_version: int
    queue: str
    priority: int
    state: State
    revision: int
    step: int
    dispatch: int
    epoch: str
    attempt: int
    max_attempts: int
    payload: str
    created_at: int
    result: str | None = None
    error: str | None = None
    public_error: str | None = None
    progress: str | None = None
    checkpoint: str | None = None
    labels: dict[str, str] = {}
    run_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    expires_at: int | None = None
    retry_at: int | None = None
    cancel_requested_at: int | None = None
    stopped_by: str | None = None  # how hard a cancelled one had to be asked; see operations.Stop
    dead_letter: DeadLetter | None = None
    discarded: Discarded | None = None
    redrives: int = 0
    submitted_by: str = ""
    traceparent: str | None = None
    tracestate: str | None = None
    key_hash: str | None = None
    retention: int = DEFAULT_RETENTION  # ms; for how long it is kept after its end
    unique_key: str | None = None  # no other living job has it
    callback_url: str | None = None  # told of every final state
    spent: int = 0  # attempts used up in this life
    crashes: int = 0  # in this life
    losses: int = 0  # leases that ran out in this life
    attempts: tuple[Attempt, ...] = ()

    @property
    def final(self) -> bool:
        """Whether the job has reached one of its four ends."""
        return self.state in FINAL_STATES
