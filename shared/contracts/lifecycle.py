"""The life of a job: its states, what can happen to it, and the one transition table.

Nobody else assigns a state: Python asks `next_state`, and the Lua scripts of the store are
rendered with this very table (`shared.adapters.store_redis`).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.contracts.errors import IllegalTransition


class State(StrEnum):
    """Where a job stands; the values are the words of the HTTP API and of the stream."""

    SCHEDULED = "scheduled"  # its run_at is ahead
    BLOCKED = "blocked"  # waits for other jobs; reserved for graphs of jobs
    QUEUED = "queued"  # waits for a worker
    RUNNING = "running"  # an attempt has the lease
    RETRYING = "retrying"  # waits out a back-off
    SUCCEEDED = "succeeded"  # its handler returned, the result is kept
    FAILED = "failed"  # no attempt follows until somebody redrives it
    CANCELLED = "cancelled"  # somebody called it off
    EXPIRED = "expired"  # its expires_at passed before its first start


class Event(StrEnum):
    """What can happen to a job, in the past tense."""

    SUBMITTED = "submitted"  # to run as soon as a worker is free
    POSTPONED = "postponed"  # submitted with its run_at ahead
    REBUILT = "rebuilt"  # the store forgot the record; a message brought it back
    REASSERTED = "reasserted"  # the store forgot the record; whoever runs the job brought it back
    UNBLOCKED = "unblocked"  # the jobs it waited for have ended
    DUE = "due"  # its run_at or the end of its back-off has come
    STARTED = "started"  # a worker claimed it
    SUCCEEDED = "succeeded"  # the handler returned
    ERRED = "erred"  # the attempt failed and another one follows
    GAVE_UP = "gave_up"  # no attempt follows
    LOST = "lost"  # the lease ran out: worker or machine died
    RELEASED = "released"  # handed back unharmed, by a deploy
    CANCELLED = "cancelled"  # it was called off before its start, or stopped
    EXPIRED = "expired"  # its expires_at passed before its first start
    REDRIVEN = "redriven"  # a dead letter gets a new life


_NO_RECORD: Final = None

TRANSITIONS: Final[Mapping[State | None, Mapping[Event, State]]] = MappingProxyType(
    {
        _NO_RECORD: {
            Event.SUBMITTED: State.QUEUED,
            Event.POSTPONED: State.SCHEDULED,
            Event.REBUILT: State.QUEUED,
            Event.REASSERTED: State.RUNNING,
        },
        State.SCHEDULED: {
            Event.DUE: State.QUEUED,
            Event.STARTED: State.RUNNING,
            Event.CANCELLED: State.CANCELLED,
            Event.EXPIRED: State.EXPIRED,
            Event.GAVE_UP: State.FAILED,
        },
        State.BLOCKED: {
            Event.UNBLOCKED: State.QUEUED,
            Event.CANCELLED: State.CANCELLED,
            Event.EXPIRED: State.EXPIRED,
        },
        State.QUEUED: {
            Event.STARTED: State.RUNNING,
            Event.CANCELLED: State.CANCELLED,
            Event.EXPIRED: State.EXPIRED,
            Event.GAVE_UP: State.FAILED,
        },
        State.RUNNING: {
            Event.SUCCEEDED: State.SUCCEEDED,
            Event.ERRED: State.RETRYING,
            Event.GAVE_UP: State.FAILED,
            Event.LOST: State.QUEUED,
            Event.RELEASED: State.QUEUED,
            Event.CANCELLED: State.CANCELLED,
        },
        State.RETRYING: {
            Event.DUE: State.QUEUED,
            Event.STARTED: State.RUNNING,
            Event.CANCELLED: State.CANCELLED,
            Event.GAVE_UP: State.FAILED,
        },
        State.FAILED: {Event.REDRIVEN: State.QUEUED},
        State.SUCCEEDED: {},
        State.CANCELLED: {},
        State.EXPIRED: {},
    }
)

FINAL_STATES: Final = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED})


def next_state(state: State | None, event: Event) -> State:
    """Return the state that `event` leads to; `state` is None while there is no record.

    Raises:
        IllegalTransition: the table has no such arrow.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(state=state, event=event) from None
