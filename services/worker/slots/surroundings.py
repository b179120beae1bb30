"""What of a process outlives a handler and would befall the next one; cheap enough for every job.

A slot in which any of it has changed is not used again. Modules' variables are the authors' own.
"""

import os
import resource
import signal
import sys
from typing import Final

_SIGNALS: Final = (signal.SIGPIPE, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_LIMITS: Final = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CORE,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_STACK,
)
_STANDARD: Final = (0, 1, 2)
_MORE_DESCRIPTORS: Final = 200  # a handler may keep connections open; a leak ends before a limit


class Surroundings:
    """The process as it was before its first handler."""

    def __init__(self) -> None:
        """Look around."""
        self._seen = _look()
        self._descriptors = _count_descriptors()

    @property
    def are_unchanged(self) -> bool:
        """Whether the next handler finds them as the first one did."""
        return (
            _look() == self._seen and _count_descriptors() <= self._descriptors + _MORE_DESCRIPTORS
        )


def _look() -> tuple[object, ...]:
    return (
        _working_folder(),
        _file_mode_mask(),
        signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        *map(signal.getsignal, _SIGNALS),
        *map(resource.getrlimit, _LIMITS),
        *map(_file_behind, _STANDARD),
        *((stream, _is_closed(stream)) for stream in (sys.stdin, sys.stdout, sys.stderr)),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.geteuid(),
        os.getegid(),
        sys.getrecursionlimit(),
    )


def _working_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - as it was compared
    except OSError:
        return ""  # it was deleted


def _file_mode_mask() -> int:
    mask = os.umask(0o077)  # the only way to read it
    os.umask(mask)
    return mask


def _file_behind(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_closed(stream: object) -> bool:
    return bool(getattr(stream, "closed", True))


def _count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all it needs
