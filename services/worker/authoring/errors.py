"""What a handler may raise to say how to go on, and what is raised in it from outside."""

import re
from typing import Final

from services.worker.authoring.durations import Duration, seconds

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class JobDefinitionError(Exception):
    """A job type cannot be as its decorator or signature says; raised at import, names the job."""


class Fail(Exception):
    """The job failed for good: not retried, and `message` and `code` are shown to users."""

    def __init__(self, message: str, *, code: str = "failed") -> None:
        """Keep the text for people and the code for programs.

        Raises:
            ValueError: `code` is not lower case letters, digits and underscores (at most 64).
        """
        if not _CODE.fullmatch(code):
            text = f"a code is 1-64 of a-z, 0-9 and _ and starts with a letter, not {code!r}"
            raise ValueError(text)
        super().__init__(message)
        self.message = message
        self.code = code


class Retry(Exception):
    """Try again: after `after` (seconds or "90s"), or after the type's back-off when None."""

    def __init__(self, message: str = "", *, after: Duration | None = None) -> None:
        """Keep the text, which operators see, and the delay in seconds.

        Raises:
            ValueError: `after` is no duration.
        """
        super().__init__(message or "the job asked to be retried")
        self.after = None if after is None else seconds(after)


class Interruption(BaseException):
    """Raised once in the handler by its worker. No `Exception`: `except Exception` lets it pass."""


class SoftTimeLimit(Interruption):
    """The soft time limit of the attempt has passed: tidy up and end."""


class Cancelled(Interruption):
    """Somebody cancelled the job: tidy up and end."""


class Shutdown(Interruption):
    """The worker is being stopped: save what is worth it and end; the job will run again."""
