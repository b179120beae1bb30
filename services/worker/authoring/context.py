"""`current()`: the attempt under way as its handler sees it; in a plain call, one that is idle."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

import structlog

from services.worker.authoring.calling import Calling
from services.worker.authoring.progress import Number, checked


class Current:
    """The attempt under way. This one stands for a plain call: nothing listens."""

    @property
    def job_id(self) -> str:
        """The job's id; empty in a plain call."""
        return ""

    @property
    def tenant(self) -> str:
        """Whose job it is; empty in a plain call."""
        return ""

    @property
    def attempt(self) -> int:
        """Which try this is, from 1; it never starts again, also when a dead letter is redriven."""
        return 1

    @property
    def idempotency_key(self) -> str:
        """The same text in every attempt of a job: for what the job calls, such as a payment."""
        return self.job_id or "plain-call"

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context of this attempt; None in a plain call."""
        return None

    @property
    def trace_headers(self) -> Mapping[str, str]:
        """What a request of the handler's has to bear so that it belongs to the job's trace.

        `traceparent`, and `tracestate` where the job came with one; libraries that OpenTelemetry
        instruments need no help.
        """
        return {}

    @contextmanager
    def calling(self, name: str) -> Iterator[Calling]:
        """Make a call to somebody else a span of the job's trace, where traces are collected.

        Of at most 100 calls of an attempt; `headers` of what it gives are `trace_headers`, but
        with that call's own span. For calls that no library of OpenTelemetry's sees.
        """
        del name
        yield Calling(self.trace_headers)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to cancel the job; stays True.

        A handler that has been told so and returns is recorded as cancelled, without its result.
        """
        return False

    @property
    def deadline(self) -> datetime | None:
        """When (UTC) the first limit of this attempt falls: the soft one, else the hard one."""
        return None

    @property
    def resume(self) -> Any:  # noqa: ANN401 - whatever JSON the author saved
        """What an earlier attempt saved last with `checkpoint`, or None."""
        return None

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """A logger whose lines bear the job's id and attempt."""
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("job")
        return logger

    def progress(self, current: Number, total: Number | None = None, message: str = "") -> None:
        """Tell how far the job has come; cheap, at most ten a second are sent, the newest always.

        Also a cancellation point: a cancel is raised here first, and only 0.5 s later (or after a
        tenth of a shorter grace) wherever the handler is.

        Raises:
            TypeError, ValueError: see `services.worker.authoring.progress.checked`.
        """
        checked(current, total, message)

    def checkpoint(self, data: object) -> None:
        """Save `data` (any JSON, at most 256 KiB) for the `resume` of the next attempt.

        Raises:
            ValueError: it is not JSON, or too large.
        """


_PLAIN_CALL: Final = Current()
_of_thread: ContextVar[Current | None] = ContextVar("waymark_current", default=None)
_of_process: list[Current] = [_PLAIN_CALL]


def current() -> Current:
    """Return the attempt under way, in any thread of its slot.

    With `isolation="thread"` a thread that the handler starts knows it only in a copy of its
    context, as `asyncio.to_thread` makes one.
    """
    return _of_thread.get() or _of_process[0]


def occupy_process(attempt: Current) -> None:
    """Make `attempt` what `current()` gives everywhere in this process."""
    _of_process[0] = attempt


def vacate_process() -> None:
    """Let `current()` give the one for plain calls again."""
    _of_process[0] = _PLAIN_CALL


def occupy_thread(attempt: Current | None) -> None:
    """Make `attempt` what `current()` gives in this thread; None ends it."""
    _of_thread.set(attempt)
