"""What was read of a tenant's feed, as the events and frames that bring a watcher there. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from shared.contracts.feed import FeedPage, Loss
from shared.contracts.listing import FeedPlace
from shared.stream.merge import Event
from shared.stream.place import Wrap, revision_of, with_result

JobEvent = tuple[str, Event]  # which job it is about


class _Live(msgspec.Struct, tag="live", tag_field="type"):
    recovered: bool
    epoch: str
    seq: int
    feed: bool = True


class _Reset(msgspec.Struct, tag="reset", tag_field="type"):
    why: str
    feed: bool = True


_encode: Final = msgspec.json.Encoder().encode


class Chapter:
    """One reading of a feed, shared by everyone who waited for it; each frame is made once."""

    def __init__(self, page: FeedPage, wrap: Wrap = bytes) -> None:
        """Keep the reading; `wrap` makes of a frame's JSON what is handed to watchers."""
        self.here: FeedPlace = page.here
        self.loss: Loss | None = page.loss
        self.more: bool = page.more
        self.events: Sequence[JobEvent] = tuple(
            (
                past.job,
                Event(
                    page.here.epoch,
                    revision_of(past.step),
                    past.step.step,
                    transition=True,
                    frame=wrap(with_result(past.step, past.result)),
                    seq=past.seq,
                ),
            )
            for past in page.steps
        )
        self._wrap = wrap

    def live(self, *, recovered: bool, epoch: str, seq: int) -> bytes:
        """Return the frame that ends a synchronisation: from here on everything is told."""
        return self._wrap(_encode(_Live(recovered, epoch, seq)))

    def reset(self, why: Loss) -> bytes:
        """Return the frame that says that something is missing, and why."""
        return self._wrap(_encode(_Reset(why)))
