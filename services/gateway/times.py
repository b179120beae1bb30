"""Milliseconds since the epoch ↔ RFC 3339, UTC."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def rfc3339(ms: int) -> str:
    """Return e.g. `2026-03-01T09:30:00.250Z`."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=256)  # what is shown is mostly of the last few seconds
def _second(since_epoch: int) -> str:
    return datetime.fromtimestamp(since_epoch, UTC).isoformat()[:19]


def maybe_rfc3339(ms: int | None) -> str | None:
    """Return the same, or None for None."""
    return None if ms is None else rfc3339(ms)


def parse_rfc3339(text: str) -> int | None:
    """Return ms since the epoch, or None when it is not RFC 3339 (an offset is demanded).

    What lies outside the years 1 to 9999 in UTC is None too: `rfc3339` could not write it again.
    """
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text.upper()).astimezone(UTC) - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        return None
