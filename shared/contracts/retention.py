"""Ended jobs are kept for a while, then deleted with all that belongs to them."""

from dataclasses import dataclass

from shared.contracts.operations import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The ids of the jobs that are gone; `more`: ask again."""

    jobs: tuple[str, ...]
    more: bool


class DeleteEnded(Operation[Deleted], frozen=True, kw_only=True):
    """One batch of jobs whose time is over: the `retention` of each, counted from its end.

    Never a dead letter; one that was discarded counts from then. One with an Idempotency-Key stays
    24 h from its submit; one whose end has not been told to its `callback_url` stays until then.
    """

    limit: int
