"""Which jobs a list shows, and where a page of it ends. Times are ms since the epoch."""

from dataclasses import dataclass, field

from shared.contracts.lifecycle import State


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What all jobs of a list have; None: anything. `labels`: all of these.

    `created_since` is included, `created_before` is not.
    """

    state: State | None = None
    type: str | None = None
    queue: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    created_since: int | None = None
    created_before: int | None = None


EVERY_JOB = JobFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlace:
    """A job's place in every list: newest first, and by id where they were made in one ms."""

    created_at: int
    job: str


@dataclass(frozen=True, slots=True)
class FeedPlace:
    """How far a tenant's events are known: `seq` counts them, `epoch` names the store's history.

    An epoch of "" and a seq of 0: before the first of all.
    """

    epoch: str
    seq: int
