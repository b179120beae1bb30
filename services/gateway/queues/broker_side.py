"""What RabbitMQ says of the queues, when it answers in time. Never raises for its absence."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from services.gateway.queues.depths import Depth, Depths
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.topology import work_queues

FRESH_SECONDS: Final = 1.0  # who asks within it gets what the one before was told

Told = Mapping[str, Depth]


class BrokerSide:
    """One look at a time, shared by all who ask meanwhile."""

    def __init__(self, depths: Depths, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Describe it; `depths` must answer, or raise, within what a caller may wait."""
        self._depths = depths
        self._monotonic = monotonic
        self._looking = asyncio.Lock()
        self._told: Told | None = {}
        self._about: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    async def read(self, queues: Collection[str]) -> Told | None:
        """Return ready messages and consumers of each queue, its classes together; None: away."""
        wanted = frozenset(queues)
        async with self._looking:
            if not (self._is_fresh and (self._told is None or wanted <= self._about)):
                self._told = await self._look(wanted)
                self._about, self._looked_at = wanted, self._monotonic()
            return self._told

    async def close(self) -> None:
        """Hang up."""
        await self._depths.close()

    @property
    def _is_fresh(self) -> bool:
        return self._monotonic() - self._looked_at < FRESH_SECONDS

    async def _look(self, queues: Collection[str]) -> Told | None:
        try:
            found = await self._depths.read([name for one in queues for name in work_queues(one)])
        except BrokerUnavailable:
            return None
        return {queue: _together([found[name] for name in work_queues(queue)]) for queue in queues}


def _together(classes: Collection[Depth]) -> Depth:
    return Depth(
        ready=sum(one.ready for one in classes), consumers=sum(one.consumers for one in classes)
    )
