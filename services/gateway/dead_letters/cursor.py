"""The cursor of a list of dead letters: a place in the index, bound to tenant and filter."""

import base64
import binascii
import hashlib
import struct
import uuid
from typing import Final

from services.gateway.refusals import BadCursor
from shared.contracts.dead_letters import LetterFilter, Place

_SHAPE: Final = struct.Struct(">BQ16s4s")  # version, since (ms), job, check
_VERSION: Final = 2


def write_letter_cursor(place: Place, *, tenant: str, wanted: LetterFilter) -> str:
    """Return the cursor for the page after `place`."""
    job = uuid.UUID(place.job).bytes
    check = _check(place.since, job, tenant, wanted)
    data = _SHAPE.pack(_VERSION, place.since, job, check)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_letter_cursor(cursor: str, *, tenant: str, wanted: LetterFilter) -> Place:
    """Return the place in a cursor.

    Raises:
        BadCursor: it did not come from this list with this filter.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
        version, since, job, check = _SHAPE.unpack(data)
    except (UnicodeEncodeError, binascii.Error, struct.error) as fault:
        raise BadCursor from fault
    if version != _VERSION or check != _check(since, job, tenant, wanted):
        raise BadCursor
    return Place(since=since, job=str(uuid.UUID(bytes=job)))


def _check(since: int, job: bytes, tenant: str, wanted: LetterFilter) -> bytes:
    # Not a secret: it tells a cursor of this list from anything else.
    return hashlib.sha256(repr((since, job, tenant, wanted)).encode()).digest()[:4]
