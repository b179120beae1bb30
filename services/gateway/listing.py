"""A page of what is listed by its id, newest first, and the cursor that leads to the next one."""

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.refusals import BadCursor, Fault, Invalid
from services.gateway.requests.fields import pointer
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT

_LIMIT: Final = re.compile(r"\d{1,3}", re.ASCII)
_VERSION: Final = b"\x01"
_ID_BYTES: Final = 16
_CHECK_BYTES: Final = 4
_LENGTH: Final = len(_VERSION) + _ID_BYTES + _CHECK_BYTES


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
    body = _VERSION + uuid.UUID(before).bytes
    return base64.urlsafe_b64encode(body + _check(body, tenant)).decode().rstrip("=")


def read_cursor(cursor: str, *, tenant: str) -> str:
    """Return the id in a cursor.

    Raises:
        BadCursor: it did not come from a list of this tenant.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as fault:
        raise BadCursor from fault
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if len(data) != _LENGTH or body[:1] != _VERSION or check != _check(body, tenant):
        raise BadCursor
    return str(uuid.UUID(bytes=body[1:]))


def _check(body: bytes, tenant: str) -> bytes:
    # Not a secret: it tells a cursor of this list from anything else.
    return hashlib.sha256(body + tenant.encode()).digest()[:_CHECK_BYTES]
