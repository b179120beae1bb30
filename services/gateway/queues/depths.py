"""How full AMQP queues are, as whoever asks the broker tells it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages of an AMQP queue are ready, and how many consumers it has."""

    ready: int
    consumers: int


class Depths(Protocol):
    """Asks the broker; `queue_depths.py` keeps it."""

    async def read(self, queues: Collection[str]) -> Mapping[str, Depth]:
        """Return the depth of each; a queue that does not exist has nothing and nobody.

        Raises:
            BrokerUnavailable: it does not answer.
        """

    async def close(self) -> None:
        """Hang up."""
