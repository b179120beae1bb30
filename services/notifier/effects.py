"""What a session wants done; `protocol.py` does it."""

import msgspec

from services.notifier.closes import Close
from services.notifier.wire import text_frame


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
    """Hand over nothing more of this job."""

    job: str


class Shut(msgspec.Struct, frozen=True):
    """Close the connection; nothing may follow."""

    code: Close


Effect = Send | Watch | Locate | Unwatch | Shut


def say(text: bytes) -> Effect:
    """Return the sending of a message that only this client gets."""
    return Send(text_frame(text))
