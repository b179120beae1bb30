"""The cursor of a list of dead letters: a place in the index, bound to tenant and filter."""

import re
from typing import Final

from services.gateway.requests.cursors import read_place, write_place
from shared.contracts.dead_letters import LetterFilter, Place

_LIST: Final = "dead-letters"
_PLACE: Final = re.compile(r"\d{1,15} [0-9a-f-]{36}", re.ASCII)  # since when (ms), job


def write_letter_cursor(place: Place, *, tenant: str, wanted: LetterFilter) -> str:
    """Return the cursor for the page after `place`."""
    return write_place(f"{place.since} {place.job}", of=(_LIST, tenant, wanted))


def read_letter_cursor(cursor: str, *, tenant: str, wanted: LetterFilter) -> Place:
    """Return the place in a cursor.

    Raises:
        BadCursor: it did not come from this list with this filter.
    """
    since, _, job = read_place(cursor, of=(_LIST, tenant, wanted), like=_PLACE).partition(" ")
    return Place(since=int(since), job=job)
