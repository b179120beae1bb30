"""A tenant's last transitions, read from a cursor on: what a feed's watcher may have missed."""

from enum import StrEnum
from typing import Final

import msgspec

from shared.contracts.answers import Step
from shared.contracts.listing import FeedPlace
from shared.contracts.operations import Operation

KEPT_TRANSITIONS: Final = 10_000  # of a tenant, about; older ones cannot be resumed from


class Loss(StrEnum):
    """Why a cursor cannot be resumed from."""

    EPOCH_CHANGED = "epoch_changed"  # the store has another history than that of the cursor
    AHEAD = "ahead"  # the store does not know yet, or no more, what the cursor has seen
    HISTORY_TRIMMED = "history_trimmed"  # more happened since than is kept


class FeedStep(msgspec.Struct, frozen=True):
    """One transition of one job; `result`: the JSON that it brought, not kept in its frame."""

    seq: int
    job: str
    step: Step
    result: str | None


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Transitions in the order of their `seq`, read at one instant, when the feed stood at `here`.

    `more`: they do not reach as far; go on after the last of them. With a `loss` there are none.
    """

    here: FeedPlace
    loss: Loss | None
    steps: tuple[FeedStep, ...]
    more: bool


class ReadFeed(Operation[FeedPage], frozen=True, kw_only=True):
    """At most `limit` transitions after a cursor, and some 256 KiB of them, or one.

    `after` None: where the feed stands, and nothing else.
    """

    after: FeedPlace | None
    limit: int = 200
