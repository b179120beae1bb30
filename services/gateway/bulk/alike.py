"""Jobs of one bulk that differ in their payload alone: the rest of them is checked once. Pure.

Two texts that are the same before and behind the payload ask for the same but for the payload: the
same text is read in the same way, and so the payload is at the same place in both.
"""

from typing import Final

import msgspec

from services.gateway.catalogue import JobType
from shared.contracts.operations import Submit
from shared.contracts.webhooks import DELIVER

MOST_SHAPES: Final = 16  # that are remembered: a bulk may have as many as it has jobs

Shape = tuple[bytes, bytes]
"""What stands before and behind the payload."""


class Alike:
    """The jobs found good so far, by their shape."""

    def __init__(self) -> None:
        """Know of none."""
        self._found: dict[Shape, tuple[Submit, JobType]] = {}
        self._has_helped = False

    def note(self, text: bytes, planned: Submit, job_type: JobType) -> None:
        """Remember what a good job was planned as."""
        # what a webhook is to send says where to: its payload is checked with the rest
        if planned.type == DELIVER or len(self._found) >= MOST_SHAPES:
            return
        taken_apart = apart(text)
        if taken_apart:
            self._found[taken_apart[0]] = (planned, job_type)

    def find(self, text: bytes, payload: object, *, limit: int) -> tuple[Submit, str] | None:
        """Return a good job of the same shape and the payload of this one, if that is good too.

        None: somebody has to look at it. `limit` is the payload's, in bytes.
        """
        if not self._has_helped and len(self._found) >= MOST_SHAPES:
            return None  # each is different
        taken_apart = apart(text)
        if taken_apart is None:
            return None
        shape, own = taken_apart
        found = self._found.get(shape)
        if found is None or len(own) > limit or not found[1].check.is_valid(payload):
            return None
        self._has_helped = True
        return found[0], own.decode()


class _Slice(msgspec.Struct):
    payload: msgspec.Raw


_slicer: Final = msgspec.json.Decoder(_Slice).decode


def apart(text: bytes) -> tuple[Shape, bytes] | None:
    """Return the shape of a job's text and its payload's; None where it has none."""
    try:
        payload = bytes(_slicer(text).payload)
    except msgspec.DecodeError:
        return None
    before, _, behind = text.partition(payload)
    return (before, behind), payload
