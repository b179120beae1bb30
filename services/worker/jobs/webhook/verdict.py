"""What an answer to a webhook means. Pure.

As Standard Webhooks has it: 2xx is success, 410 says never again, everything else is a failure
that is worth another try: a 404 or a 401 may be a deploy, a redirect a mistake that is mended.
"""

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import Final

LONGEST_RETRY_AFTER: Final = 6 * 3600.0  # seconds; nobody keeps us waiting for longer
_WHOLE: Final = re.compile(r"\d{1,10}", re.ASCII)


class Verdict(Enum):
    """How the delivery goes on."""

    DELIVERED = "delivered"
    GONE = "gone"
    AGAIN = "again"


def judge(status: int) -> Verdict:
    """Return what a status means."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict.DELIVERED
    return Verdict.GONE if status == HTTPStatus.GONE else Verdict.AGAIN


def seconds_asked_for(retry_after: str | None, *, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most 6 hours; None: for nothing.

    Args:
        retry_after: seconds or a date, as RFC 9110 has it; anything else counts for nothing.
        now: seconds since the epoch.
    """
    text = (retry_after or "").strip()
    if not text:
        return None
    if _WHOLE.fullmatch(text):
        wait = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        wait = math.ceil(aware.timestamp() - now)
    return min(max(0.0, wait), LONGEST_RETRY_AFTER)


def readable(excerpt: bytes) -> str:
    """Return the start of a stranger's answer as text that cannot hurt a reader."""
    text = excerpt.decode(errors="replace")
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
