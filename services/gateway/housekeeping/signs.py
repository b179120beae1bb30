"""What the broker, the workers and the claims together say of each AMQP queue, over time."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.gateway.queues.depths import Depth
from shared.contracts.catalog import WorkerCard
from shared.contracts.overdue import FoundOverdue, QueueNews
from shared.contracts.topology import work_queues

CARD_SECONDS: Final = 10.0  # two announcements: what a worker has taken stands in its card by then


@dataclass(slots=True)
class _Queue:
    """`empty_since` is monotonic; `handed` are (learned at, enqueue time), the oldest first."""

    empty_since: float | None = None
    handed: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))


class Signs:
    """Remembers since when a queue is empty, and how far it was handed out a while ago."""

    def __init__(self, *, after: float, monotonic: Callable[[], float]) -> None:
        """Describe it; `after` is how long (s) a queue must be empty."""
        self._after = after
        self._ripe_after = min(after, CARD_SECONDS)
        self._monotonic = monotonic
        self._queues: dict[str, _Queue] = {}

    @property
    def queues(self) -> Sequence[str]:
        """The AMQP queues in which jobs wait."""
        return sorted(self._queues)

    def forget(self) -> None:
        """Nobody has looked, or the broker does not answer: begin anew."""
        for queue in self._queues.values():
            queue.empty_since = None

    def look(self, depths: Mapping[str, Depth], cards: Sequence[WorkerCard]) -> None:
        """Take note of what is ready.

        A queue with more consumers than workers who announce that they serve it is not judged:
        somebody may hold messages of which nobody knows.
        """
        now = self._monotonic()
        serving = [name for card in cards for queue in card.queues for name in work_queues(queue)]
        for name, queue in self._queues.items():
            depth = depths.get(name)
            if depth is None or depth.ready or depth.consumers > serving.count(name):
                queue.empty_since = None
            elif queue.empty_since is None:
                queue.empty_since = now

    def hear(self, answers: Collection[FoundOverdue]) -> None:
        """Take note of where jobs wait, and of the newest message that a claim had in hand."""
        now = self._monotonic()
        waiting = {name for answer in answers for name in answer.waiting}
        self._queues = {name: self._queues.get(name, _Queue()) for name in waiting}
        for name, queue in self._queues.items():
            queue.handed.append((now, max(answer.handed.get(name, 0) for answer in answers)))

    def news(self) -> tuple[QueueNews, ...]:
        """Return what the store is to judge by."""
        now = self._monotonic()
        return tuple(
            QueueNews(queue=name, handed=self._ripe(queue, now), empty=self._empty(queue, now))
            for name, queue in self._queues.items()
        )

    def _ripe(self, queue: _Queue, now: float) -> int:
        ripe = (at for learned, at in queue.handed if now - learned >= self._ripe_after)
        return max(ripe, default=0)

    def _empty(self, queue: _Queue, now: float) -> bool:
        return queue.empty_since is not None and now - queue.empty_since > self._after


def held_jobs(cards: Sequence[WorkerCard]) -> Mapping[str, frozenset[str]]:
    """Return, by tenant, the jobs of which a live worker has a message in hand."""
    found: dict[str, set[str]] = {}
    for card in cards:
        for tenant, jobs in card.held.items():
            found.setdefault(tenant, set()).update(jobs)
    return {tenant: frozenset(jobs) for tenant, jobs in found.items()}
