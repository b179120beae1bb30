"""The words between the worker and its slots: what to run, what comes back, what can be asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from shared.contracts.catalog import CatalogEntry

CANCEL_ASKED: Final = "cancel_asked"  # to `interrupt`: the flag alone, for the handler to see


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt of one job. Durations in seconds; `payload` and `resume` are JSON text.

    `tenant`: whose job it is. `traceparent`, `tracestate`: what it may hand on.
    `traced`: somebody wants the spans of what it calls.

    `max_rss`: its process is killed when it has more memory than that (bytes).

    `sent_at` is when the claim was first sent, by the system's monotonic clock (seconds, shared by
    all processes of a machine): a slot never starts when that is older than the lease less 3 s.
    """

    job: str
    type: str
    attempt: int
    max_attempts: int
    payload: str
    resume: str | None
    soft_time_limit: float | None
    time_limit: float | None
    sent_at: float
    max_rss: int | None = None
    tenant: str = ""
    traceparent: str | None = None
    tracestate: str | None = None
    traced: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """Progress: the JSON text of `{current, total, percent, message}`; `number` from 1."""

    number: int
    progress: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint, as JSON text."""

    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """The handler has called somebody: a span of the job's trace. Times in ns since the epoch.

    `fault`: a word for what went wrong, or None.
    """

    name: str
    span_id: str
    began_at: int
    ended_at: int
    facts: dict[str, str | int | float | bool]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler returned; `result` is JSON text (`null` for None).

    `heeded`: it had seen that it was cancelled ("flag", "exception": how); else None.
    """

    result: str
    heeded: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The handler raised. `kind` says what of: how to go on is decided by `retry.py`.

    `kind`: "error", "fail" (`Fail`), "retry" (`Retry`, `after` and `at_least` in seconds or None),
    "soft_limit", "cancelled", "shutdown" (the exception of a drain came out) or "payload" (the
    payload does not fit the handler's signature).
    `matched`: "retry_on", "never_on" or None, by the type's exception lists; an error that a
    type's `retry_on` does not name is "never_on".
    `heeded`: how it learned that it was cancelled ("flag", "exception"), None when it did not.
    `details`: JSON text of an object for operators, or None.
    """

    kind: str
    code: str
    message: str
    type: str
    traceback: str
    after: float | None = None
    matched: str | None = None
    heeded: str | None = None
    at_least: float | None = None
    details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The slot's process ended without a word. Memory in bytes.

    `refused`: it never started; `overgrown`: it was killed for having more than its `max_rss`.
    """

    signal: int | None
    exit_code: int | None
    peak_rss: int
    refused: bool = False
    overgrown: bool = False


SlotEvent = Reported | Saved | Called | Returned | Raised | Died


class Slot(Protocol):
    """One running attempt, seen from the worker's thread."""

    def next_event(self, timeout: float) -> SlotEvent | None:
        """Wait up to `timeout` seconds for what comes next; None when nothing did.

        After Returned, Raised or Died nothing follows, the process and all its descendants are
        gone and the slot may be used again.
        """

    def interrupt(self, reason: str) -> None:
        """Raise once in the handler: "soft_limit", "cancelled" or "shutdown".

        CANCEL_ASKED before it raises only where the handler comes by a cancellation point.
        """

    def terminate(self) -> None:
        """SIGTERM to the handler's process: the rung between the exception and the kill."""

    def kill(self) -> None:
        """SIGKILL the handler's process and every descendant, own sessions too."""


class Slots(Protocol):
    """The zygote as the worker sees it."""

    def catalogue(self) -> Sequence[CatalogEntry]:
        """What the loaded modules can run."""

    def start(self, assignment: Assignment) -> Slot:
        """Fork a slot for an attempt; may be called from any thread."""

    def renewed(self, job: str, sent_at: float) -> None:
        """A renewal of this job's lease, first sent at `sent_at` (monotonic), was answered."""

    @property
    def alive(self) -> bool:
        """Whether the zygote answers."""

    def close(self) -> None:
        """Kill whatever still runs and end the zygote."""
