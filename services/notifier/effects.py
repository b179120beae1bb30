"""What a session wants done; `protocol.py` does it."""

from typing import Final

import msgspec

from services.notifier.closes import Close
from services.notifier.wire import text_frame
from shared.contracts.listing import FeedPlace

FEED: Final = ""  # among ids of jobs: the feed of the tenant


class Send(msgspec.Struct, frozen=True):
    """Write this WebSocket frame as it is."""

    frame: bytes


class Watch(msgspec.Struct, frozen=True):
    """Hand over the events of a job from now on, and then its place, read after now."""

    job: str
    after_step: int


class Locate(msgspec.Struct, frozen=True):
    """Read the place of a watched job once more."""

    job: str
    after_step: int


class Unwatch(msgspec.Struct, frozen=True):
    """Hand over nothing more of this job, or of the FEED."""

    job: str


class WatchFeed(msgspec.Struct, frozen=True):
    """Hand over the events of all jobs from now on, and then what came after a place."""

    after: FeedPlace | None


class CatchUp(msgspec.Struct, frozen=True):
    """Read once more what came after a place of the watched feed."""

    after: FeedPlace | None


class Shut(msgspec.Struct, frozen=True):
    """Close the connection; nothing may follow. `detail`: more than the code says."""

    code: Close
    detail: str = ""


Wish = Watch | Locate | Unwatch | WatchFeed | CatchUp
Effect = Send | Wish | Shut


def say(text: bytes) -> Effect:
    """Return the sending of a message that only this client gets."""
    return Send(text_frame(text))
