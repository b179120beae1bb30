"""Which buckets a caller takes from. An honest caller is never held up by somebody else's."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.gateway.credentials import Caller
from services.gateway.rate.limiter import RateLimiter
from services.gateway.rate.local import LocalBuckets
from services.gateway.rate.standing import Header, Standing
from shared.contracts.rates import Rate

FAILURES: Final = Rate(10, 100)  # wrong credentials of an address, a second and at once
_HOME_BITS: Final = 64  # of IPv6: what one household or host has; it may take any address within


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnstile:
    """The rates of one gateway; None: no limit.

    `tenants`: keys, by whose they are (a platform key's calls are not charged to the tenant it
    names). `pages`: browser tokens, by tenant, apart from its keys; a page must not hold up the
    services. `tokens`: each browser token. `failures`: wrong credentials, by address.
    """

    tenants: RateLimiter | None
    pages: RateLimiter | None
    tokens: LocalBuckets | None
    failures: LocalBuckets

    async def ask(self, caller: Caller) -> Standing | None:
        """Take a request from the caller's bucket and return how it stands; None: no limit."""
        if caller.grant is None:
            return await self.tenants.ask(caller.home) if self.tenants else None
        own = None
        if self.tokens is not None:
            draw = self.tokens.take(caller.name)
            own = Standing("token", self.tokens.rate, draw.left, wait=draw.wait_ms / 1000)
            if not own.passes:
                return own
        shared = await self.pages.ask(caller.home) if self.pages else None
        return shared if shared is not None and not shared.passes else own or shared

    def pass_at_once(self, caller: Caller) -> Sequence[Header] | None:
        """Take a request of a key from what this gateway holds of its bucket.

        Return the headers that say how it stands; None where it has to `ask`.
        """
        if caller.grant is not None:
            return None
        if self.tenants is None:
            return ()
        standing = self.tenants.spend(caller.home)
        return None if standing is None else standing.headers()

    def fail(self, address: str) -> Standing:
        """Note that somebody at this address has shown a wrong credential."""
        draw = self.failures.take(_household(address))
        return Standing("failures", self.failures.rate, draw.left, wait=draw.wait_ms / 1000)


def _household(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is None:  # noqa: PLR2004 - its name
        return str(ipaddress.ip_network((parsed, _HOME_BITS), strict=False))
    return address
