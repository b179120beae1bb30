"""The overdue rule, as data: a queued job whose message should have come, and has not.

A queued job whose message was confirmed *waits* from a time on: that of the confirm, or when a
copy that a claim sent round should be back. PROTOCOL, Overdue. Times and durations in ms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.commands import RunJob
from shared.contracts.operations import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueNews:
    """What the sweeper knows of one AMQP queue.

    `handed`: it has handed out a message that was enqueued then, or later; 0: nothing is known.
    `empty`: nothing is ready in it and nobody was delivered what he has not named, for long enough.
    """

    queue: str
    handed: int = 0
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOverdue:
    """`publish`: new dispatches, in the outbox already; `more`: look again.

    `handed`: of each AMQP queue that had jobs, when the newest message was enqueued that a claim of
    this tenant has had in hand; 0: none. `waiting`: those of them in which jobs wait.
    """

    publish: tuple[RunJob, ...]
    handed: Mapping[str, int]
    waiting: frozenset[str]
    more: bool


class FindOverdue(Operation[FoundOverdue], frozen=True, kw_only=True):
    """One batch of overdue jobs gets a new dispatch and an outbox entry.

    Overdue: it waits since more than `after` before `handed` of its queue; or, where the queue is
    empty, since more than `after` before now. Never within a lease, or `after`, of a birth or a
    change of epoch. `held`: jobs of which a worker holds a message, to be left alone.
    """

    after: int
    news: tuple[QueueNews, ...]
    held: frozenset[str]
    limit: int


class Expect(Operation[bool], frozen=True, kw_only=True):
    """A copy of this dispatch went round without a claim; it should be back after `delay`.

    False: the job does not wait for this dispatch.
    """

    job: str
    dispatch: int
    delay: int
