"""What `current()` gives inside a slot."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from services.worker.authoring.context import Current
from services.worker.authoring.progress import Number, Update, checked
from services.worker.authoring.signature import ResultUnfit, encode_result
from services.worker.slots.interrupts import Guard
from services.worker.slots.terms import Assignment
from services.worker.slots.wire import LARGEST_CHECKPOINT, Checkpoint


class Running(Current):
    """One attempt under way in this process."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        guard: Guard,
        put: Callable[[Update], None],
        send: Callable[[Checkpoint], None],
        now: datetime,
    ) -> None:
        """Speak to the worker through `put` and `send`; `now` is when the attempt started."""
        self._assignment = assignment
        self._guard = guard
        self._put = put
        self._send = send
        self._started = now
        self._main = threading.get_ident()

    @property
    def job_id(self) -> str:  # noqa: D102
        return self._assignment.job

    @property
    def tenant(self) -> str:  # noqa: D102
        return self._assignment.tenant

    @property
    def attempt(self) -> int:  # noqa: D102
        return self._assignment.attempt

    @property
    def traceparent(self) -> str | None:  # noqa: D102
        return self._assignment.traceparent

    @property
    def trace_headers(self) -> Mapping[str, str]:  # noqa: D102
        parent, state = self._assignment.traceparent, self._assignment.tracestate
        if parent is None:
            return {}
        return {"traceparent": parent, "tracestate": state} if state else {"traceparent": parent}

    @property
    def cancelled(self) -> bool:  # noqa: D102
        if self._guard.cancelled:
            self._guard.seen = True
        return self._guard.cancelled

    @property
    def deadline(self) -> datetime | None:  # noqa: D102
        limit = self._assignment.soft_time_limit or self._assignment.time_limit
        return None if limit is None else self._started + timedelta(seconds=limit)

    @property
    def resume(self) -> Any:  # noqa: ANN401, D102
        text = self._assignment.resume
        return None if text is None else json.loads(text)

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:  # noqa: D102
        logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("job").bind(
            job_id=self.job_id, type=self._assignment.type, attempt=self.attempt
        )
        return logger

    def progress(self, current: Number, total: Number | None = None, message: str = "") -> None:  # noqa: D102
        if threading.get_ident() != self._main:
            self._put(checked(current, total, message))
            return
        guard = self._guard
        guard.enter()
        try:
            self._put(checked(current, total, message))
        finally:
            guard.leave()
        if guard.pending is not None or guard.flagged:
            guard.poll()

    def checkpoint(self, data: object) -> None:  # noqa: D102
        try:
            text = encode_result(data)
        except ResultUnfit as unfit:
            problem = str(unfit).replace("result", "checkpoint", 1)
            raise ValueError(problem) from None
        size = len(text.encode())
        if size > LARGEST_CHECKPOINT:
            problem = f"a checkpoint has at most {LARGEST_CHECKPOINT} bytes of JSON, not {size}"
            raise ValueError(problem)
        if threading.get_ident() != self._main:
            self._send(Checkpoint(text))
            return
        self._guard.enter()
        try:
            self._send(Checkpoint(text))
        finally:
            self._guard.leave()
        self._guard.poll()


def started_now() -> datetime:
    """Return the time of day, UTC."""
    return datetime.fromtimestamp(time.time(), UTC)
