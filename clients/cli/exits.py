"""How the program ends: its exit statuses, and the error that carries one to the user."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit status says how the job ended, or why nobody knows."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2  # the request was wrong
    CANCELLED = 3
    EXPIRED = 4
    UNREACHABLE = 5  # or not authorised
    INTERRUPTED = 130
    NOBODY_READS = 141  # what a shell says of a program that died of SIGPIPE


OF_STATE = {
    "succeeded": Exit.SUCCEEDED,
    "failed": Exit.FAILED,
    "cancelled": Exit.CANCELLED,
    "expired": Exit.EXPIRED,
}
"""The exit status of each final state."""


class Stop(Exception):
    """The command ends here, with this text for people and this status."""

    def __init__(self, text: str, status: Exit) -> None:
        """Keep both."""
        super().__init__(text)
        self.text = text
        self.status = status


def plain(text: str) -> str:
    """Return text of a stranger without what would steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
