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


@lru_cache(maxsize=1024)  # jobs of one batch share their time, and what is shown is mostly recent
def rfc3339(ms: int) -> str:
    """Return e.g. `2026-03-01T09:30:00.250Z`."""
    second = datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19]
    return f"{second}.{ms % 1000:03d}Z"


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
