"""What the store answers, see `shared.contracts.operations`. Times and durations in ms."""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import Event, State
from shared.contracts.listing import FeedPlace, JobPlace


class SubmitVerdict(StrEnum):
    """What became of a submit."""

    ACCEPTED = "accepted"  # a new job: publish its message
    REPUBLISH = "republish"  # known key, never confirmed: publish the same job again
    REPLAYED = "replayed"  # known key, safe already: answer with the job as it is
    IN_FLIGHT = "in_flight"  # known key, its first request is still under way
    MISMATCH = "mismatch"  # known key, other body
    DUPLICATE = "duplicate"  # its unique_key is held, and the holder was asked for
    TAKEN = "taken"  # its unique_key is held, and a refusal was asked for
    OVER_QUOTA = "over_quota"  # the tenant has as many live jobs as it may
    WITHHELD = "withheld"  # nothing against it, but against another of an atomic batch


class Submitted(msgspec.Struct, frozen=True):
    """The verdict and the job it is about: with ACCEPTED, REPUBLISH, REPLAYED and DUPLICATE.

    `owed`: the job of a DUPLICATE is not in the broker yet; whoever submitted it is about to
    publish it. It is not safe before: ask again. `holder`: the id of the job that has the
    `unique_key`, with TAKEN; None where it is one of the same atomic batch.
    """

    verdict: SubmitVerdict
    job: JobRecord | None
    owed: bool = False
    holder: str | None = None


class CancelVerdict(StrEnum):
    """What became of a cancel."""

    CANCELLED = "cancelled"  # it had not started, or it was cancelled before
    REQUESTED = "requested"  # it runs: its worker has been told
    ALREADY_FINAL = "already_final"  # on another final state
    NOT_FOUND = "not_found"
    TOMBSTONED = "tombstoned"  # unknown, older than the store: should it come back, it is cancelled
    KEPT = "kept"  # only_unconfirmed was asked, and it is confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAnswer:
    """The verdict and the job after it. `ended`: it was this cancel that ended it."""

    verdict: CancelVerdict
    job: JobRecord | None
    ended: bool = False


class ClaimVerdict(StrEnum):
    """The rows of PROTOCOL's claim table that a worker sees."""

    RUN = "run"
    LIVE = "live"
    NOT_DUE = "not_due"
    PAUSED = "paused"
    STALE = "stale"
    FINAL = "final"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    POISON = "poison"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswer:
    """`delay` for LIVE, NOT_DUE and PAUSED; `publish` for a STALE whose successor is unconfirmed.

    `job` comes with RUN and is the record as claimed (its `attempt` is this attempt's number).
    `code` comes with POISON and EXHAUSTED when it was this claim that recorded them.
    """

    verdict: ClaimVerdict
    delay: int = 0
    code: str = ""
    publish: RunJob | None = None
    job: JobRecord | None = None


class RenewalVerdict(StrEnum):
    """What a heartbeat hears."""

    OK = "ok"
    LOST = "lost"  # the attempt may write nothing any more: kill it
    HOLD = "hold"  # re-asserted while the store is too young: stay frozen if frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """`cancel_requested_at` is None while nobody asked; `cancel_in` is the grace left."""

    verdict: RenewalVerdict
    cancel_requested_at: int | None = None
    cancel_in: int | None = None


class SettleVerdict(StrEnum):
    """Whether the end of the attempt was written."""

    OK = "ok"
    LOST = "lost"  # the token is not the record's: nack with requeue


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`state` after it; `publish` (after a retry) goes on the ladder for `delay` before the ack."""

    verdict: SettleVerdict
    state: State | None = None
    publish: RunJob | None = None
    delay: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """`held_for`: for how long still every lease counts as live, because of a gap or an epoch."""

    epoch: str
    now: int
    held_for: int


class ParkVerdict(StrEnum):
    """What came of a park: by PARKED and LEFT the message belongs to the dead letters.

    REFUSED: it is not current any more, or its job no longer waits.
    """

    PARKED = "parked"
    LEFT = "left"  # it was parked before, or is gone or called off: the archivist knows what to do
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A job that a sweep has moved, by `event`: LOST, DUE or EXPIRED."""

    job: str
    event: Event
    type: str
    queue: str
    attempt: int
    submitted_by: str
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """`publish`: (message, ladder delay) pairs the outbox still holds; `more`: sweep again.

    `moved`: the jobs whose state it has changed.
    """

    lost: int
    due: int
    moved: tuple[Moved, ...] = ()
    publish: tuple[tuple[RunJob, int], ...]
    more: bool


class ArchiveVerdict(StrEnum):
    """What the archivist does with a dead-lettered message."""

    ACK = "ack"
    PUBLISH = "publish"  # `Archived.message`, confirmed, then ack
    PUBLISH_LATER = "publish_later"  # a LIVE copy: to the ladder, `Archived.delay` ms, then ack


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """`message` and `delay` come with the publishing ones.

    `ended`, with ACK: what the filing has ended the job as ("cancelled", else the code of its
    failure); "" where it did not.
    """

    verdict: ArchiveVerdict
    ended: str = ""
    message: RunJob | None = None
    delay: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """`next` leads on when there may be more; a page may be short, even empty, before the end.

    `as_of`: where the tenant's feed stood when the page was read.
    """

    jobs: tuple[JobRecord, ...]
    next: JobPlace | None
    as_of: FeedPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transition: `frame` is the JSON text of its stream frame, without a result."""

    step: int
    state: State
    at: int
    frame: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a job stands in its stream. JSON texts: progress, result, error (the public one)."""

    epoch: str
    seq: int
    revision: int
    step: int
    state: State
    attempt: int
    progress: str | None
    result: str | None
    error: str | None
    traceparent: str | None = None
    steps: tuple[Step, ...] = field(default=())
