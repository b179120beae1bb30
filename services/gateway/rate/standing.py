"""How a caller stands with a rate, and the headers that say so.

draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy: "tenant";q=10000;w=2` is the policy,
q requests in w seconds; `RateLimit: "tenant";r=9990;t=1` is what is left of it now, and in how
many seconds all of it will be there again.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from shared.contracts.rates import Rate

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class Standing:
    """About `left` requests are left of a rate. `wait` (s): how long the next has to; 0: it may."""

    policy: str
    rate: Rate
    left: int
    wait: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether the request may pass."""
        return self.wait == 0.0

    @property
    def retry_after(self) -> int:
        """When to come again, in whole seconds."""
        return max(1, math.ceil(self.wait))

    def headers(self) -> tuple[Header, Header]:
        """Return the two header fields."""
        full_in = math.ceil((self.rate.burst - self.left) / self.rate.per_second)
        return (
            _policy_header(self.policy, self.rate),
            (b"ratelimit", f'"{self.policy}";r={self.left};t={full_in}'.encode()),
        )


@lru_cache(maxsize=64)
def _policy_header(policy: str, rate: Rate) -> Header:
    window = math.ceil(rate.burst / rate.per_second)
    return (b"ratelimit-policy", f'"{policy}";q={rate.burst};w={window}'.encode())
