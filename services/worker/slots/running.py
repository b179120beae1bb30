"""What `current()` gives inside a slot."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from services.worker.authoring.calling import Calling, words
from services.worker.authoring.context import Current
from services.worker.authoring.progress import Number, Update, checked
from services.worker.authoring.signature import ResultUnfit, encode_result
from services.worker.slots.interrupts import Guard
from services.worker.slots.terms import Assignment, Called
from services.worker.slots.wire import LARGEST_CHECKPOINT, Call, Checkpoint
from shared.contracts.tracing import trace_id_of, with_span
from shared.runtime.tracing.spans import new_span_id

MOST_CALLS: Final = 100  # of an attempt that are told of


class Running(Current):
    """One attempt under way in this process."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        guard: Guard,
        put: Callable[[Update], None],
        send: Callable[[Checkpoint | Call], None],
        now: datetime,
    ) -> None:
        """Speak to the worker through `put` and `send`; `now` is when the attempt started."""
        self._assignment = assignment
        self._guard = guard
        self._put = put
        self._send = send
        self._started = now
        self._main = threading.get_ident()
        self._calls = 0

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
        parent = self._assignment.traceparent
        return {} if parent is None else self._headers(parent)

    @contextmanager
    def calling(self, name: str) -> Iterator[Calling]:  # noqa: D102
        parent = self._assignment.traceparent
        if parent is None or not self._assignment.traced or self._calls >= MOST_CALLS:
            yield Calling(self.trace_headers)
            return
        self._calls += 1
        span_id, began_at = new_span_id(), time.time_ns()
        call = Calling(self._headers(with_span(parent, span_id)))
        try:
            yield call
        except BaseException as fault:
            call.fault = call.fault or type(fault).__qualname__
            raise
        finally:
            self._tell(
                Call(
                    Called(
                        name=words(name),
                        span_id=span_id,
                        began_at=began_at,
                        ended_at=time.time_ns(),
                        facts=call.told(),
                        fault=None if call.fault is None else words(call.fault),
                    )
                )
            )

    def _headers(self, parent: str) -> dict[str, str]:
        state = self._assignment.tracestate
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
            job_id=self.job_id,
            tenant=self.tenant,
            type=self._assignment.type,
            attempt=self.attempt,
            trace_id=trace_id_of(self.traceparent),
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
        self._tell(Checkpoint(text))
        if threading.get_ident() == self._main:
            self._guard.poll()

    def _tell(self, frame: Checkpoint | Call) -> None:
        if threading.get_ident() != self._main:
            self._send(frame)
            return
        self._guard.enter()
        try:
            self._send(frame)
        finally:
            self._guard.leave()
        if self._guard.pending is not None:
            self._guard.poll()


def started_now() -> datetime:
    """Return the time of day, UTC."""
    return datetime.fromtimestamp(time.time(), UTC)
