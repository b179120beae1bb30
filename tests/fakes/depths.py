"""How full AMQP queues are, in memory."""

from collections.abc import Collection, Mapping

from services.gateway.queues.depths import Depth
from shared.contracts.errors import BrokerUnavailable


class FakeDepths:
    """Keeps `depths.Depths` in memory; what it does not know is empty."""

    def __init__(self) -> None:
        self.known: dict[str, Depth] = {}
        self.away = False
        self.looks = 0

    async def read(self, queues: Collection[str]) -> Mapping[str, Depth]:
        self.looks += 1
        if self.away:
            raise BrokerUnavailable
        return {queue: self.known.get(queue, Depth(ready=0, consumers=0)) for queue in queues}

    async def close(self) -> None:
        """Nothing to close."""
