"""Token buckets of this process alone: GCRA, one number a name, and a bounded number of names."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from shared.contracts.rates import Draw, Rate

MOST_NAMES: Final = 10_000  # about 2 MB; of more, those not asked for longest are full again


class LocalBuckets:
    """Buckets of one rate, by name."""

    def __init__(self, rate: Rate, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Every bucket starts full."""
        self.rate = rate
        self._monotonic = monotonic
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str) -> Draw:
        """Take one request from a bucket."""
        now, each = self._monotonic(), 1 / self.rate.per_second
        capacity = self.rate.burst * each
        full_at = max(self._full_at.pop(name, now), now)
        room = (now + capacity - full_at) / each + 1e-6
        granted = room >= 1
        self._full_at[name] = full_at + each if granted else full_at
        if len(self._full_at) > MOST_NAMES:
            self._full_at.popitem(last=False)
        if granted:
            return Draw(1, int(room) - 1, 0)
        return Draw(0, 0, math.ceil((full_at + each - now - capacity) * 1000))
