"""What can be done to the store: every change and every read of one tenant's jobs, as data.

Each operation is one atomic script (PROTOCOL, Record). `Operation[A]` is answered with an `A`;
an adapter's `do(operation)` carries it out. Operations may be repeated after a time-out: the same
operation again changes nothing more and gets the first answer. Times and durations are ms.
"""

from typing import Final, Generic, TypeVar

import msgspec

from shared.contracts.answers import (
    Archived,
    CancelAnswer,
    ClaimAnswer,
    JobPage,
    ParkVerdict,
    Position,
    Renewal,
    Settled,
    Submitted,
    Swept,
    Ticked,
)
from shared.contracts.commands import RunJob
from shared.contracts.job import (
    DEFAULT_RETENTION,
    DeadLetterReason,
    JobRecord,
    OnConflict,
    Outcome,
)
from shared.contracts.listing import EVERY_JOB, JobFilter, JobPlace

A_co = TypeVar("A_co", covariant=True)

PLATFORM_TENANT: Final = "_platform"  # nobody's: no tenant can have this name


class Operation(msgspec.Struct, Generic[A_co], frozen=True, kw_only=True):
    """Something asked of the store, for one tenant; answered with an `A`."""

    tenant: str


# --- the gateway's: a job comes, is looked at, is called off


class IdempotencyKey(msgspec.Struct, frozen=True, kw_only=True):
    """`hash` of tenant + route + key; `fingerprint` of the canonical body; both hex.

    In a bulk a dot and the job's place follow the hash.
    """

    hash: str
    fingerprint: str


class Submit(Operation[Submitted], frozen=True, kw_only=True):
    """Take the key, write the record, its first event and its outbox entry.

    `job` (a UUIDv7) is the operation's id. `delay` counts from the store's clock and excludes
    `run_at`. JSON texts: `payload`. `retention`: for how long the job is kept after its end.
    `unique_key`: held while the job is not final; `on_conflict` says what a submit gets that
    meets a holder. `quota`: the most jobs of the tenant that may be live; None for no limit.
    `callback_url` is told of every final state.
    """

    job: str
    type: str
    type_version: int
    queue: str
    priority: int
    payload: str
    max_attempts: int
    labels: dict[str, str]
    submitted_by: str
    delay: int | None = None
    run_at: int | None = None
    expires_at: int | None = None
    key: IdempotencyKey | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    retention: int = DEFAULT_RETENTION
    unique_key: str | None = None
    on_conflict: OnConflict = OnConflict.RETURN
    quota: int | None = None
    callback_url: str | None = None


class Confirm(Operation[bool], frozen=True, kw_only=True):
    """The broker confirmed this dispatch: its outbox entry goes. False: it was gone already."""

    job: str
    dispatch: int


class Cancel(Operation[CancelAnswer], frozen=True, kw_only=True):
    """Call a job off: at once when it does not run, by request when it does.

    `grace` is counted from the request. `only_unconfirmed`: leave it alone unless its first
    message is still in the outbox (the gateway withdraws what it could not publish).
    """

    job: str
    reason: str | None
    grace: int | None = None
    only_unconfirmed: bool = False


class Read(Operation[JobRecord | None], frozen=True, kw_only=True):
    """The whole record, or None."""

    job: str


class ListJobs(Operation[JobPage], frozen=True, kw_only=True):
    """Jobs, newest first, after `before` (None: from the newest). Looks at a bounded number."""

    before: JobPlace | None
    limit: int
    filter: JobFilter = EVERY_JOB


# --- the worker's: an attempt begins, lives, ends


class Claim(Operation[ClaimAnswer], frozen=True, kw_only=True):
    """What to do with a delivered message (PROTOCOL, Claim).

    `token` is the operation's id and becomes the right of this attempt to write: 32 random hex
    digits. `paused`: the queue is paused, as the worker knows it.
    """

    message: RunJob
    token: str
    worker: str
    lease: int
    paused: bool = False


class Heartbeat(Operation[Renewal], frozen=True, kw_only=True):
    """Renew the lease of a running attempt and hear whether it is to stop.

    A missing record is re-asserted from `message` where the MISSING rule allows it.
    """

    message: RunJob
    token: str
    worker: str
    lease: int


class Progress(Operation[bool], frozen=True, kw_only=True):
    """Tell the watchers how far the attempt is; False: the token is not the record's (LOST).

    `progress` is the JSON text of `{current, total, percent, message}`; the script adds
    `updated_at`. `number` counts an attempt's progress from 1: what is not newer is dropped.
    """

    job: str
    token: str
    number: int
    progress: str


class Checkpoint(Operation[bool], frozen=True, kw_only=True):
    """Keep what the next attempt may resume from (JSON text); False: LOST."""

    job: str
    token: str
    data: str


class Settle(Operation[Settled], frozen=True, kw_only=True):
    """The end of an attempt; demands its token, not a running lease.

    `progress` is the attempt's last, when it was not yet told (JSON text as in `Progress`).
    """

    job: str
    token: str
    progress: str | None = None


class Succeed(Settle, frozen=True, kw_only=True):
    """It returned `result` (JSON text)."""

    result: str


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong. `error`: JSON text for operators; `public`: the one watchers may see.

    Both are objects `{code, message, type, retryable}`, `error` may have a `traceback`.
    """

    error: str
    public: str
    outcome: Outcome


class Retry(Settle, frozen=True, kw_only=True):
    """It failed and gets another attempt after `delay`: dispatch + 1, outbox.

    Becomes `cancelled` when a cancel was asked (`Settled.state` says so).
    """

    fault: Fault
    delay: int


class Fail(Settle, frozen=True, kw_only=True):
    """It failed for good: final, with a `dead_letter`. Then nack into the dead letters."""

    fault: Fault
    reason: DeadLetterReason


class Stop(Settle, frozen=True, kw_only=True):
    """It stopped because a cancel was asked.

    `rung`: how it had to be stopped: `flag`, `exception`, `term` or `kill`.
    """

    rung: str


class Release(Settle, frozen=True, kw_only=True):
    """A deploy hands it back: same dispatch, nothing used. Then nack with requeue.

    `lost`: no deploy, its worker broke down; that counts like a lease that ran out, so that a job
    which takes its worker down each time is poison in the end.
    """

    lost: bool = False


class Park(Operation[ParkVerdict], frozen=True, kw_only=True):
    """No live worker knew this type for too long: fail it as `unknown_type`, if it waits.

    A record that the store forgot is rebuilt for it.
    """

    message: RunJob
    fault: Fault


# --- housekeeping's


class Tick(Operation[Ticked], frozen=True, kw_only=True):
    """The sweeper's pulse, every second: notices a gap or a change of epoch."""

    lease: int


class Sweep(Operation[Swept], frozen=True, kw_only=True):
    """One batch: leases that ran out, jobs that are due, outbox entries to publish."""

    limit: int


class Archive(Operation[Archived], frozen=True, kw_only=True):
    """File a message from the dead-letter queue by (job, dispatch).

    `delivery_limit`: the broker gave it up, not a worker.
    """

    message: RunJob
    delivery_limit: bool


# --- the stream's


class Locate(Operation[Position | None], frozen=True, kw_only=True):
    """Where a job stands, read at one instant, with its steps after `after_step` as frames."""

    job: str
    after_step: int = 0
