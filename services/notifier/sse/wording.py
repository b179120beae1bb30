"""The frames of the stream as server-sent events, and their ids as cursors. Pure."""

import re
from typing import Final

import msgspec

from services.notifier.effects import FEED
from services.notifier.wire import body_of
from shared.contracts.lifecycle import FINAL_STATES
from shared.contracts.listing import FeedPlace
from shared.stream.merge import Cursor

PING: Final = b": ping\n\n"
END: Final = b": end\n\n"
_JOB_PLACE: Final = re.compile(r"([0-9a-f]{1,40})-(\d{1,16})-(\d{1,16})")
_FEED_PLACE: Final = re.compile(r"([0-9a-f]{0,40})-(\d{1,16})")


class BadIdError(ValueError):
    """A Last-Event-ID that is none of this stream's."""


class _Head(msgspec.Struct):
    type: str
    epoch: str | None = None
    seq: int = 0
    revision: int | None = None
    step: int = 0
    state: str = ""


_head: Final = msgspec.json.Decoder(_Head)


def retry(milliseconds: int) -> bytes:
    """Return what tells a client how long to wait before it comes again."""
    return b"retry: %d\n\n" % milliseconds


def job_cursor(last_event_id: str) -> Cursor | None:
    """Read `epoch-revision-step`; None for "".

    Raises:
        BadIdError: it is none.
    """
    if not last_event_id:
        return None
    if (found := _JOB_PLACE.fullmatch(last_event_id)) is None:
        raise BadIdError
    return Cursor(found[1], int(found[2]), int(found[3]))


def feed_cursor(last_event_id: str) -> FeedPlace | None:
    """Read `epoch-seq`; None for "".

    Raises:
        BadIdError: it is none.
    """
    if not last_event_id:
        return None
    if (found := _FEED_PLACE.fullmatch(last_event_id)) is None:
        raise BadIdError
    return FeedPlace(found[1], int(found[2]))


class Writer:
    """Writes the frames of one stream, of a job or of the FEED."""

    def __init__(self, name: str) -> None:
        """Begin."""
        self.is_final = False  # the job is, as far as it was written
        self._name = name
        self._epoch, self._seq = "", 0

    def event(self, frame: bytes) -> bytes:
        """Return one event, of a WebSocket frame."""
        body = body_of(frame)
        head = _head.decode(body)
        if head.state and head.type != "progress":
            self.is_final = head.state in FINAL_STATES
        # JSON of users may have line breaks between its parts, never within a text.
        data = body.replace(b"\r", b" ").replace(b"\n", b" ")
        return b"%bevent: %b\ndata: %b\n\n" % (self._id(head), head.type.encode(), data)

    def _id(self, head: _Head) -> bytes:
        if head.epoch is None:
            return b""
        if self._name == FEED:
            # Of a thinned progress it may be lower than what has been told.
            self._seq = max(head.seq, self._seq) if head.epoch == self._epoch else head.seq
            self._epoch = head.epoch
            return f"id: {head.epoch}-{self._seq}\n".encode()
        if head.revision is None:
            return b""
        return f"id: {head.epoch}-{head.revision}-{head.step}\n".encode()
