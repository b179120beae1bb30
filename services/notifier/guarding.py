"""A mistake of ours ends the one connection that met it, and not whoever called it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import structlog

log = structlog.get_logger()


class Failing(Protocol):
    """A connection that can be given up."""

    def fail(self) -> None:
        """Close it: what it knows may not be true any more, so the client resumes."""


P = ParamSpec("P")
F = TypeVar("F", bound=Failing)


def guarded(deed: Callable[Concatenate[F, P], None]) -> Callable[Concatenate[F, P], None]:
    """Return the deed of a connection, which raises nothing any more."""

    @wraps(deed)
    def kept(it: F, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            deed(it, *args, **kwargs)
        except Exception:  # the outermost loop of everything that happens to a connection
            log.exception("connection_failed", during=deed.__name__)
            it.fail()

    return kept
