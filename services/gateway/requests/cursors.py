"""Opaque cursors over places that are short texts, each bound to its list."""

import base64
import binascii
import hashlib
from typing import Final

from services.gateway.refusals import BadCursor

LONGEST_CURSOR: Final = 200  # characters
_CHECK_BYTES: Final = 4


def write_place(place: str, *, of: object) -> str:
    """Return the cursor for the page after `place` of a list; `of` names it, filter included."""
    data = _check(place, of) + place.encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_place(cursor: str, *, of: object) -> str:
    """Return the place in a cursor.

    Raises:
        BadCursor: it did not come from this list.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
        place = data[_CHECK_BYTES:].decode("ascii")
    except (UnicodeError, binascii.Error) as fault:
        raise BadCursor from fault
    if data[:_CHECK_BYTES] != _check(place, of):
        raise BadCursor
    return place


def _check(place: str, of: object) -> bytes:
    # Not a secret: it tells a cursor of this list from anything else.
    return hashlib.sha256(repr((place, of)).encode()).digest()[:_CHECK_BYTES]
