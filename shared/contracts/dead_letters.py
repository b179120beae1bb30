"""What can be done with dead letters: one at a time, or many in a campaign at a bounded rate.

Operations like those of `shared.contracts.operations`, in a room of their own. Times and durations
are ms by the store's clock. A dead letter is a failed job that waits for somebody to act; it leaves
by a redrive (a new life) or by a discard (it stays failed, for good).
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, JobRecord
from shared.contracts.operations import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters; None: any. `older_than` and `newer_than` are ages, bounds included."""

    type: str | None = None
    reason: DeadLetterReason | None = None
    error_code: str | None = None
    older_than: int | None = None
    newer_than: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One letter's place in the index: since when, and which job."""

    since: int
    job: str


# --- one letter


class LetterVerdict(StrEnum):
    """What became of a redrive or a discard."""

    DONE = "done"
    NOTHING = "nothing"  # the job is no dead letter (any more)
    NOT_FOUND = "not_found"
    TAKEN = "taken"  # another living job has its unique_key by now
    WORN_OUT = "worn_out"  # it has made as many steps as a job may


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterAnswer:
    """The verdict and the job after it; `publish` while a redrive's message is not confirmed.

    `holder`: with TAKEN, the id of the job that has the unique_key.
    """

    verdict: LetterVerdict
    job: JobRecord | None = None
    publish: RunJob | None = None
    holder: str | None = None


class Redrive(Operation[LetterAnswer], frozen=True, kw_only=True):
    """Begin a new life: redrives + 1, dispatch + 1, the budgets anew, an outbox entry.

    `turn` is the operation's id. While the message is not confirmed, asking again, under any id,
    is the same redrive.
    """

    job: str
    turn: str


class Discard(Operation[LetterAnswer], frozen=True, kw_only=True):
    """Leave it failed for good: no dead letter any more; who and why stay on record.

    DONE again for a job that was discarded before.
    """

    job: str
    by: str
    reason: str | None


class KeepUndecodable(Operation[bool], frozen=True, kw_only=True):
    """Keep a dead-lettered message that nobody can decode, for an operator; tenant `_platform`.

    `digest` (of the body, hex) is the operation's id. `body` may be cut short, `size` (bytes) is
    the whole. False: it was kept already. The newest 1,000 are kept.
    """

    digest: str
    body: bytes
    size: int
    why: str


# --- looking at them


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPage:
    """`next` leads on when there may be more; a page may be short, even empty, before the end."""

    jobs: tuple[JobRecord, ...]
    next: Place | None


class ListDeadLetters(Operation[LetterPage], frozen=True, kw_only=True):
    """Dead letters, newest first, after `before`. Looks at a bounded number in one go."""

    filter: LetterFilter
    before: Place | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterCount:
    """How many match among those looked at; `next` leads on."""

    count: int
    next: Place | None


class CountDeadLetters(Operation[LetterCount], frozen=True, kw_only=True):
    """Count dead letters, newest first, after `before`. Looks at a bounded number in one go."""

    filter: LetterFilter
    before: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """How many dead letters there are by reason, and which campaigns are running."""

    reasons: dict[DeadLetterReason, int]
    running: tuple[str, ...]


class SurveyDeadLetters(Operation[Survey], frozen=True, kw_only=True):
    """For housekeeping. Undecodable messages are counted where they are kept: `_platform`."""


# --- many of them


class Action(StrEnum):
    """What a campaign does with each letter."""

    REDRIVE = "redrive"
    DISCARD = "discard"


class CampaignState(StrEnum):
    """Where a campaign stands."""

    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign over the letters as of its start, named by `ids` or else by `filter`.

    `matched` = `done` + `failed` + `skipped` once it is over, unless it was aborted or met its
    `limit`. failed: no such job; skipped: no dead letter any more when its turn came, or one that
    cannot be redriven (its unique_key is taken, or it has made too many steps).
    """

    id: str
    action: Action
    state: CampaignState
    filter: LetterFilter
    by_ids: bool
    rate: float  # letters a second
    limit: int | None
    by: str
    reason: str | None
    created_at: int
    finished_at: int | None
    matched: int
    done: int
    failed: int
    skipped: int


class StartCampaign(Operation[Campaign | None], frozen=True, kw_only=True):
    """Put a campaign on record; `campaign` (a UUIDv7) is the operation's id.

    `ids` () means by filter; then `matched` says how many matched. None: too many are running.
    """

    campaign: str
    action: Action
    filter: LetterFilter = msgspec.field(default_factory=LetterFilter)
    ids: tuple[str, ...] = ()
    matched: int = 0
    rate: float
    limit: int | None = None
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """`campaign` after the turn (None: unknown); `publish` what was redriven in it.

    `wait`: when the next turn is worth while (ms).
    """

    campaign: Campaign | None
    publish: tuple[RunJob, ...] = ()
    wait: int = 0


class AdvanceCampaign(Operation[Advanced], frozen=True, kw_only=True):
    """One turn: as many letters as the rate allows by now, `most` at most; cursor and all at once.

    `turn` is the operation's id: a repeat gives the messages again that are not confirmed yet.
    """

    campaign: str
    turn: str
    most: int


class ReadCampaign(Operation[Campaign | None], frozen=True, kw_only=True):
    """One campaign."""

    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPage:
    """`next` is the id to list `before` for the page that follows, or None at the end."""

    campaigns: tuple[Campaign, ...]
    next: str | None


class ListCampaigns(Operation[CampaignPage], frozen=True, kw_only=True):
    """Campaigns, newest first."""

    before: str | None
    limit: int


class AbortCampaign(Operation[Campaign | None], frozen=True, kw_only=True):
    """Stop it where it stands, undoing nothing; one that is over stays as it is."""

    campaign: str
