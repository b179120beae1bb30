"""Runs a handler once and says how it ended, in the words of `terms`."""

import asyncio
import inspect
import traceback
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

from services.worker.authoring.errors import (
    Cancelled,
    Fail,
    Interruption,
    Retry,
    Shutdown,
    SoftTimeLimit,
)
from services.worker.authoring.registry import JobType, find_type
from services.worker.authoring.signature import PayloadMismatch, ResultUnfit, encode_result
from services.worker.slots.interrupts import Guard
from services.worker.slots.joining import joined
from services.worker.slots.terms import Assignment, Raised, Returned
from services.worker.slots.wire import LARGEST_RESULT

LONGEST_TEXT: Final = 4_000  # characters of a message
LONGEST_TRACEBACK: Final = 32_000  # characters; the end of it is kept
_OURS: Final = "services.worker.slots."
_KINDS: Final = {
    SoftTimeLimit: ("soft_limit", "soft_time_limit_exceeded"),
    Cancelled: ("cancelled", "cancelled"),
    Shutdown: ("shutdown", "shutdown"),
}


def run(assignment: Assignment, guard: Guard) -> Returned | Raised:
    """Run the handler of an assignment to its end; raises nothing."""
    end = _run(assignment, guard)
    if isinstance(end, Returned) and not guard.seen:
        return end  # it was done, whatever had been asked of it
    return replace(end, heeded=guard.heeded)


def _run(assignment: Assignment, guard: Guard) -> Returned | Raised:
    declared = find_type(assignment.type)
    if declared is None:
        return _refused("error", "unknown_type", f"no job type {assignment.type!r} is loaded")
    try:
        arguments = declared.signature.arguments(assignment.payload)
    except PayloadMismatch as mismatch:
        return _refused("payload", "invalid_payload", str(mismatch))
    try:
        with joined(assignment):
            result = _call(declared.handler, arguments, guard)
    except BaseException as fault:  # noqa: BLE001 - whatever a handler raises is told, not raised
        return _told(fault, declared)
    return _returned(result)


def _call(handler: Callable[..., Any], arguments: dict[str, Any], guard: Guard) -> object:
    if inspect.iscoroutinefunction(handler):
        return asyncio.run(guard.relay(handler(**arguments)))
    try:
        guard.open()
        return handler(**arguments)
    finally:
        guard.shut()


def _returned(result: object) -> Returned | Raised:
    try:
        text = encode_result(result)
    except ResultUnfit as unfit:
        return _refused("fail", "result_not_json", str(unfit))
    size = len(text.encode())
    if size > LARGEST_RESULT:
        told = f"the result has {size} bytes of JSON, {LARGEST_RESULT} are allowed"
        return _refused("fail", "result_too_large", told)
    return Returned(text)


def _refused(kind: str, code: str, message: str) -> Raised:
    return Raised(
        kind=kind, code=code, message=message[:LONGEST_TEXT], type="WaymarkError", traceback=""
    )


def _told(fault: BaseException, declared: JobType) -> Raised:
    kind, code, after, at_least = "error", "error", None, None
    meant = _interruption_in(fault) or fault
    if isinstance(meant, Interruption):
        kind, code = _KINDS.get(type(meant), ("error", "error"))
    elif isinstance(meant, Fail):
        kind, code = "fail", meant.code
    elif isinstance(meant, Retry):
        kind, code, after, at_least = "retry", "retry", meant.after, meant.at_least
    return Raised(
        kind=kind,
        code=code,
        message=_text_of(meant)[:LONGEST_TEXT],
        type=type(meant).__qualname__[:LONGEST_TEXT],
        traceback=_traceback_of(fault)[-LONGEST_TRACEBACK:],
        after=after,
        at_least=at_least,
        matched=_matched(meant, declared, kind),
        details=meant.details if isinstance(meant, Fail | Retry) else None,
    )


def _interruption_in(fault: BaseException) -> BaseException | None:
    # A TaskGroup wraps what interrupts it into a group.
    if not isinstance(fault, BaseExceptionGroup):
        return None
    found: BaseException | None = fault.subgroup(Interruption)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _matched(fault: BaseException, declared: JobType, kind: str) -> str | None:
    if isinstance(fault, declared.never_on):
        return "never_on"
    if isinstance(fault, declared.retry_on):
        return "retry_on"
    # With a list of what to retry, no other exception is.
    return "never_on" if declared.retry_on and kind == "error" else None


def _text_of(fault: BaseException) -> str:
    try:
        return _encodable(str(fault))
    except Exception:  # noqa: BLE001 - the author's own __str__; its failure must not hide theirs
        return f"<{type(fault).__qualname__} without a text>"


def _traceback_of(fault: BaseException) -> str:
    lines = traceback.format_exception(type(fault), fault, _theirs(fault.__traceback__))
    return _encodable("".join(lines))


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    while trace and trace.tb_frame.f_globals.get("__name__", "").startswith(_OURS):
        trace = trace.tb_next
    return trace


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
