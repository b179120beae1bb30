"""What a handler may raise to say how to go on, and what is raised in it from outside."""

import json
import re
from collections.abc import Mapping
from typing import Final

from services.worker.authoring.durations import Duration, seconds

LONGEST_DETAILS: Final = 8 * 2**10  # bytes of JSON
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
Details = Mapping[str, object]
"""Facts for operators, any JSON: kept in the attempt's error as `details`, never public."""


class JobDefinitionError(Exception):
    """A job type cannot be as its decorator or signature says; raised at import, names the job."""


class Fail(Exception):
    """The job failed for good: not retried, and `message` and `code` are shown to users."""

    def __init__(
        self, message: str, *, code: str = "failed", details: Details | None = None
    ) -> None:
        """Keep the text for people, the code for programs and `details` for operators.

        Raises:
            ValueError: `code` is not lower case letters, digits and underscores (at most 64), or
                `details` is not JSON or too large (8 KiB).
        """
        if not _CODE.fullmatch(code):
            text = f"a code is 1-64 of a-z, 0-9 and _ and starts with a letter, not {code!r}"
            raise ValueError(text)
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = checked_details(details)


class Retry(Exception):
    """Try again: after `after` (seconds or "90s"), or after the type's back-off when None.

    `at_least` leaves it at the back-off, but no shorter than that: for a server that says when.
    """

    def __init__(
        self,
        message: str = "",
        *,
        after: Duration | None = None,
        at_least: Duration | None = None,
        details: Details | None = None,
    ) -> None:
        """Keep the text and `details`, which operators see, and the delay in seconds.

        Raises:
            ValueError: `after` or `at_least` is no duration, or `details` is not JSON or too large.
        """
        super().__init__(message or "the job asked to be retried")
        self.after = None if after is None else seconds(after)
        self.at_least = None if at_least is None else seconds(at_least)
        self.details = checked_details(details)


def checked_details(details: Details | None) -> str | None:
    """Return the JSON text of `details`.

    Raises:
        ValueError: it is not JSON, or has more than 8 KiB of it.
    """
    if details is None:
        return None
    try:
        text = json.dumps(dict(details), allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as fault:
        problem = f"details are not JSON: {fault}"
        raise ValueError(problem) from None
    if size > LONGEST_DETAILS:
        problem = f"details have {size} bytes of JSON, {LONGEST_DETAILS} are allowed"
        raise ValueError(problem)
    return text


class Interruption(BaseException):
    """Raised once in the handler by its worker. No `Exception`: `except Exception` lets it pass."""


class SoftTimeLimit(Interruption):
    """The soft time limit of the attempt has passed: tidy up and end."""


class Cancelled(Interruption):
    """Somebody cancelled the job: tidy up and end."""


class Shutdown(Interruption):
    """The worker is being stopped: save what is worth it and end; the job will run again."""
