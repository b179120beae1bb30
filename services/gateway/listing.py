"""A page of what is listed by its id, newest first, and the cursor that leads to the next one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.refusals import Fault, Invalid
from services.gateway.requests.cursors import read_place, write_place
from services.gateway.requests.fields import pointer
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT

_LIMIT: Final = re.compile(r"\d{1,3}", re.ASCII)
_ID: Final = re.compile(r"[0-9a-f-]{36}", re.ASCII)
_LIST: Final = "campaigns"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`before`: the id that the page starts after; None: from the newest."""

    before: str | None
    limit: int


def parse_page_request(query: Mapping[str, str], *, tenant: str) -> PageRequest:
    """Return what a query asks for.

    Raises:
        Invalid: an unknown parameter, or a limit that is none.
        BadCursor: a cursor that did not come from this list.
    """
    faults = [
        Fault("This parameter is not known.", pointer("query", name))
        for name in query
        if name not in {"cursor", "limit"}
    ]
    limit = query.get("limit", str(DEFAULT_LIMIT))
    if not (_LIMIT.fullmatch(limit) and 1 <= int(limit) <= MAX_LIMIT):
        fault = f"This must be a whole number from 1 to {MAX_LIMIT}."
        faults.append(Fault(fault, pointer("query", "limit")))
    if faults:
        raise Invalid(errors=faults)
    cursor = query.get("cursor")
    before = None if cursor is None else read_cursor(cursor, tenant=tenant)
    return PageRequest(before, int(limit))


def write_cursor(before: str, *, tenant: str) -> str:
    """Return the cursor for the page after the id `before`."""
    return write_place(before, of=(_LIST, tenant))


def read_cursor(cursor: str, *, tenant: str) -> str:
    """Return the id in a cursor.

    Raises:
        BadCursor: it did not come from a list of this tenant.
    """
    return read_place(cursor, of=(_LIST, tenant), like=_ID)
