"""Queues as operators see them: what lies in each, and which are paused. Times in ms."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from shared.contracts.lifecycle import State
from shared.contracts.operations import Operation
from shared.contracts.topology import PriorityClass, queue_of


@dataclass(slots=True, kw_only=True)
class QueueTally:
    """One queue. `waiting`: queued jobs by class; `oldest`: for how long the eldest waits.

    `elsewhere`: how many are scheduled, running, retrying.
    """

    waiting: Counter[PriorityClass] = field(default_factory=Counter)
    oldest: int | None = None
    elsewhere: Counter[State] = field(default_factory=Counter)

    @property
    def depth(self) -> int:
        """How many jobs wait."""
        return self.waiting.total()

    def add(self, other: "QueueTally") -> None:
        """Count another tenant's jobs in."""
        self.waiting.update(other.waiting)
        self.elsewhere.update(other.elsewhere)
        ages = [age for age in (self.oldest, other.oldest) if age is not None]
        self.oldest = max(ages, default=None)


class OutboxTally(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that are not confirmed: how many, and for how long (ms) the eldest has not been."""

    entries: int
    oldest: int | None


class SurveyOutbox(Operation[OutboxTally], frozen=True, kw_only=True):
    """What must be in the broker and may not be; of very many entries not all are looked at."""


class SurveyQueues(Operation[Mapping[str, QueueTally]], frozen=True, kw_only=True):
    """Every queue that the tenant has used, by name.

    A job waits from the broker's confirm of its message to the claim of a worker.
    """


def tallies(
    *,
    now: int,
    known: Iterable[str],
    waiting: Mapping[str, tuple[int, int]],
    counts: Mapping[str, int],
) -> Mapping[str, QueueTally]:
    """Put together what the store has in several places.

    Args:
        now: the store's clock.
        known: AMQP queues.
        waiting: by AMQP queue, how many jobs, and since when the eldest.
        counts: by "<state> <queue>", how many jobs.
    """
    found: dict[str, QueueTally] = {}
    for amqp_queue in sorted(known):
        queue, level = queue_of(amqp_queue)
        tally = found.setdefault(queue, QueueTally())
        number, since = waiting.get(amqp_queue, (0, now))
        if number:
            tally.waiting[level] = number
            tally.oldest = max(tally.oldest or 0, now - since)
    for name, number in sorted(counts.items()):
        state, _, queue = name.partition(" ")
        if number > 0:
            found.setdefault(queue, QueueTally()).elsewhere[State(state)] = number
    return found


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Who paused a queue, why, and when."""

    by: str
    reason: str | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Every paused queue by name. The higher `version` is the newer state of things."""

    version: int
    queues: Mapping[str, Pause]


NOTHING_PAUSED: Final = Pauses(version=0, queues={})
