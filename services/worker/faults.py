"""What is told about an attempt that went wrong: all of it to operators, little to watchers. Pure.

Only a `Fail`'s text and the house's own texts are public: an exception's text may hold anything.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from services.worker.slots.terms import Died, Raised
from shared.contracts.job import Outcome
from shared.contracts.operations import Fault

SOFT_LIMIT: Final = "soft_time_limit_exceeded"
HARD_LIMIT: Final = "time_limit_exceeded"
CRASHED: Final = "crashed"
MEMORY_LIMIT: Final = "memory_limit_exceeded"
POISON: Final = "poison"
CANCELLED: Final = "cancelled"
INVALID_PAYLOAD: Final = "invalid_payload"
RESULT_TOO_LARGE: Final = "result_too_large"
RESULT_NOT_JSON: Final = "result_not_json"
UNKNOWN_TYPE: Final = "unknown_type"
ATTEMPTS_EXHAUSTED: Final = "attempts_exhausted"  # this and the next are given by a claim
TOO_MANY_STEPS: Final = "too_many_steps"

_GENERIC: Final = "The job failed. Its operators can see why."
_MIB: Final = 2**20
_LONGEST_MESSAGE: Final = 4_000  # characters; the record is read as a whole
_LONGEST_TRACEBACK: Final = 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One failure; `public` is the text for watchers, None for the generic one."""

    code: str
    message: str
    public: str | None
    type: str
    outcome: Outcome
    traceback: str | None = None
    details: str | None = None  # JSON text of an object, for operators

    def render(self, *, retryable: bool, code: str | None = None) -> Fault:
        """Return both views as JSON; `code` replaces the problem's own (`poison`)."""
        seen = {
            "code": code or self.code,
            "message": self.public or _GENERIC,
            "type": self.type,
            "retryable": retryable,
        }
        told = {**seen, "message": self.message}
        if self.traceback:
            told["traceback"] = self.traceback
        if self.details:
            told["details"] = msgspec.Raw(self.details.encode())
        # An exception's class name, like its text, is for operators.
        if self.public is None:
            seen["type"] = "Error"
        return Fault(error=_json(told), public=_json(seen), outcome=self.outcome)


def of_exception(raised: Raised) -> Problem:
    """Describe what the handler raised."""
    return Problem(
        code=_CODES.get(raised.kind, raised.code or "error"),
        message=raised.message[:_LONGEST_MESSAGE],
        public=_public_text(raised),
        type=raised.type,
        outcome=Outcome.TIMED_OUT if raised.kind == "soft_limit" else Outcome.FAILED,
        traceback=raised.traceback[-_LONGEST_TRACEBACK:] or None,
        details=raised.details,
    )


def of_death(died: Died) -> Problem:
    """Describe a slot that ended without a word and without being told to."""
    how = f"signal {died.signal}" if died.signal is not None else f"exit status {died.exit_code}"
    text = f"The job's process died ({how}, peak memory {died.peak_rss // _MIB} MiB)."
    return _ours(CRASHED, text, "Crash", Outcome.CRASHED)


def of_overgrowth(died: Died, limit: int | None) -> Problem:
    """Describe a slot that was killed for its memory; `limit` in bytes. A crash like any other."""
    text = (
        f"The job's process was killed at its memory limit of {(limit or 0) // _MIB} MiB "
        f"(peak memory {died.peak_rss // _MIB} MiB)."
    )
    return _ours(MEMORY_LIMIT, text, "MemoryLimit", Outcome.CRASHED)


def of_hard_limit(limit: float | None) -> Problem:
    """Describe an attempt that was killed at its time limit (seconds)."""
    text = f"The attempt was stopped at its time limit of {limit or 0:g} s."
    return _ours(HARD_LIMIT, text, "TimeLimit", Outcome.TIMED_OUT)


def of_large_result(size: int, limit: int) -> Problem:
    """Describe a result that is too large to keep (bytes)."""
    text = f"The result has {size} bytes, {limit} are allowed: store it elsewhere, return a link."
    return _ours(RESULT_TOO_LARGE, text, "ResultTooLarge", Outcome.FAILED)


def of_unknown_type(name: str, version: int) -> Problem:
    """Describe a job that no worker can run."""
    text = f"No worker knows the job type {name!r} in version {version}."
    return _ours(UNKNOWN_TYPE, text, "UnknownType", Outcome.FAILED)


_CODES: Final = {"soft_limit": SOFT_LIMIT, "payload": INVALID_PAYLOAD, "error": "error"}
_OUR_TEXTS: Final = {
    "soft_limit": "The attempt was stopped at its soft time limit.",
    "payload": "The payload does not fit this job type.",
}


def _public_text(raised: Raised) -> str | None:
    return (
        raised.message[:_LONGEST_MESSAGE] if raised.kind == "fail" else _OUR_TEXTS.get(raised.kind)
    )


def _ours(code: str, text: str, kind: str, outcome: Outcome) -> Problem:
    return Problem(code=code, message=text, public=text, type=kind, outcome=outcome)


def _json(value: dict[str, object]) -> str:
    return msgspec.json.encode(value).decode()
