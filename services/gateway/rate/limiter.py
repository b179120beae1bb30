"""How many requests of a tenant may pass, over all gateways, without a round trip for each.

A gateway draws a grant, a few milliseconds' worth, from the tenant's bucket in Redis and spends it
by itself (ADR: docs/decisions). While Redis is away each gateway keeps the rate by itself.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from services.gateway.rate.local import LocalBuckets
from services.gateway.rate.standing import Standing
from shared.contracts.errors import StoreUnavailable
from shared.contracts.rates import Rate
from shared.ports import Buckets

GRANT_SECONDS: Final = 0.05  # a grant's worth, and by how much each gateway may exceed the rate
PATIENCE_SECONDS: Final = 0.3  # of a draw: less than an outage may cost the submit behind it
AWAY_SECONDS: Final = 1.0  # until Redis is asked again
REST_SECONDS: Final = 0.02  # at least, before an empty bucket is asked again
MOST_BUCKETS: Final = 10_000
TRIES: Final = 3  # when a grant was spent before its turn came

log = structlog.get_logger()


@dataclass(slots=True)
class _Share:
    """What this gateway holds of one bucket; `left` as it was at `drawn_at`."""

    held: int = 0
    left: int = 0
    drawn_at: float = 0.0
    empty_until: float = 0.0
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimiter:
    """Lets requests pass at one rate a bucket; a bucket belongs to a tenant and has a name."""

    def __init__(
        self,
        buckets: Buckets,
        rate: Rate,
        *,
        policy: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the house's buckets; `policy` is how this rate's are called."""
        self._buckets, self._rate, self._policy = buckets, rate, policy
        self._monotonic = monotonic
        self._grant = max(1, int(rate.per_second * GRANT_SECONDS))
        self._low = self._grant // 2 or -1
        self._topping_up: set[asyncio.Task[None]] = set()
        self._alone = LocalBuckets(rate, monotonic=monotonic)
        self._away_until = float("-inf")
        self._shares: OrderedDict[str, _Share] = OrderedDict()

    async def ask(self, tenant: str) -> Standing:
        """Take one request of a tenant, where there is one, and return how the tenant stands."""
        share = self._share(tenant)
        for _ in range(TRIES):
            if (standing := self.spend(tenant)) is not None:
                return standing
            now = self._monotonic()
            if now < share.empty_until:
                return Standing(self._policy, self._rate, 0, wait=share.empty_until - now)
            if now < self._away_until:
                draw = self._alone.take(tenant)
                return Standing(self._policy, self._rate, draw.left, wait=draw.wait_ms / 1000)
            async with share.drawing:
                if share.held == 0 and self._monotonic() >= share.empty_until:
                    await self._draw(tenant, share)
        return Standing(self._policy, self._rate, 0, wait=REST_SECONDS)

    def spend(self, tenant: str) -> Standing | None:
        """Take one request from what this gateway holds; None where it holds none."""
        share = self._share(tenant)
        if share.held == 0:
            return None
        share.held -= 1
        if share.held == self._low and not share.drawing.locked():
            task = asyncio.create_task(self._top_up(tenant, share))
            self._topping_up.add(task)
            task.add_done_callback(self._topping_up.discard)
        return self._standing(share, self._monotonic())

    async def _top_up(self, tenant: str, share: _Share) -> None:
        """Draw before the last is spent: under load nobody waits for a draw."""
        async with share.drawing:
            await self._draw(tenant, share)

    async def _draw(self, tenant: str, share: _Share) -> None:
        if self._monotonic() < self._away_until:
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                draw = await self._buckets.draw(
                    tenant, self._policy, rate=self._rate, wanted=self._grant - share.held
                )
        except (StoreUnavailable, TimeoutError):
            self._away_until = self._monotonic() + AWAY_SECONDS
            log.debug("rate_kept_alone", policy=self._policy)
            return
        now = self._monotonic()
        share.held += draw.granted
        share.left, share.drawn_at = draw.left, now
        if not draw.granted:
            share.empty_until = now + max(draw.wait_ms / 1000, REST_SECONDS)

    def _share(self, tenant: str) -> _Share:
        share = self._shares.get(tenant)
        if share is None:
            share = self._shares[tenant] = _Share()
            if len(self._shares) > MOST_BUCKETS:
                self._shares.popitem(last=False)  # its held grant is lost to its tenant
        return share

    def _standing(self, share: _Share, now: float) -> Standing:
        refilled = int((now - share.drawn_at) * self._rate.per_second)
        left = min(share.left + refilled, self._rate.burst - share.held) + share.held
        return Standing(self._policy, self._rate, max(left, 0))
