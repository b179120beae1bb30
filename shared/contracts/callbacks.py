"""Whom a job's end is to be told: entries that its last script wrote, until they are cleared."""

from dataclasses import dataclass

from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.operations import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class DueCallback:
    """One final state of a job that has a `callback_url`.

    `step`, `state` and `at` (ms) are of that end; `job` is the record as it is now, which a
    redrive may have moved on.
    """

    job: JobRecord
    step: int
    state: State
    at: int


class DueCallbacks(Operation[tuple[DueCallback, ...]], frozen=True, kw_only=True):
    """A batch of entries that are due, the oldest first; each comes again until it is cleared.

    At least once: every 15 s, whoever asks. A job is kept at least as long as its entries.
    """

    limit: int


class ClearCallback(Operation[bool], frozen=True, kw_only=True):
    """This end has been handed on; False: it was cleared already."""

    job: str
    step: int
