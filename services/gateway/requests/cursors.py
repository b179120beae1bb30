"""Opaque cursors over places that are short texts, each bound to its list."""

import base64
import binascii
import hashlib
import re
from typing import Final

from services.gateway.refusals import BadCursor

LONGEST_CURSOR: Final = 200  # characters
_CHECK_BYTES: Final = 4


def write_place(place: str, *, of: object) -> str:
    """Return the cursor for the page after `place` of a list; `of` names it, filter included."""
    # Not a secret: the check tells a cursor of this list from anything else.
    check = hashlib.sha256(repr((place, of)).encode()).digest()[:_CHECK_BYTES]
    return base64.urlsafe_b64encode(check + place.encode()).decode().rstrip("=")


def read_place(cursor: str, *, of: object, like: re.Pattern[str]) -> str:
    """Return the place in a cursor; every place of the list is `like` that.

    Raises:
        BadCursor: it did not come from this list.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
        place = data[_CHECK_BYTES:].decode("ascii")
    except (UnicodeError, binascii.Error) as fault:
        raise BadCursor from fault
    if not like.fullmatch(place) or cursor != write_place(place, of=of):
        raise BadCursor
    return place
