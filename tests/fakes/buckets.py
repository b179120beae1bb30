"""Token buckets that all gateways share, in memory."""

import math
import time
from collections.abc import Callable

from shared.contracts.errors import StoreUnavailable
from shared.contracts.rates import Draw, Rate


class FakeBuckets:
    """Keeps `ports.Buckets` in memory; `draws` counts how often it was asked."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.away = False
        self.draws = 0
        self._monotonic = monotonic
        self._spent: dict[tuple[str, str], tuple[float, float]] = {}  # (requests, when)

    async def draw(self, tenant: str, name: str, *, rate: Rate, wanted: int) -> Draw:
        if self.away:
            raise StoreUnavailable
        self.draws += 1
        now = self._monotonic()
        spent, when = self._spent.get((tenant, name), (0.0, now))
        spent = max(0.0, spent - (now - when) * rate.per_second)
        room = int(rate.burst - spent + 1e-6)
        granted = min(room, wanted)
        self._spent[tenant, name] = (spent + granted, now)
        if granted:
            return Draw(granted, room - granted, 0)
        return Draw(0, 0, math.ceil((1 - (rate.burst - spent)) / rate.per_second * 1000))
