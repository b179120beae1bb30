"""A house-wide duty: whichever gateway holds its lease does it, the others stand by."""

import time
from typing import Final

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.ports import Registry
from shared.runtime.pacing import pause

TTL_SECONDS: Final = 3.0  # a successor's first tick comes before the gap that spares every lease
RENEW_SECONDS: Final = 1.0

log = structlog.get_logger()


class Duty:
    """The lease of one duty, as this process knows it."""

    def __init__(self, name: str, *, holder: str, registry: Registry) -> None:
        """Nothing is held yet."""
        self.name = name
        self._holder = holder
        self._registry = registry
        self._until = float("-inf")

    @property
    def held(self) -> bool:
        """Whether the lease is ours; counted from when its renewal was sent."""
        return time.monotonic() < self._until

    async def keep(self) -> None:
        """Take the lease when it is free and renew it, for ever."""
        while True:
            await self._renew()
            await pause(RENEW_SECONDS)

    async def release(self) -> None:
        """Let a successor begin at once."""
        if self.held:
            self._until = float("-inf")
            try:
                await self._registry.acquire(self.name, self._holder, ttl_ms=1)
            except StoreUnavailable:
                log.info("duty_left_to_run_out", duty=self.name)

    async def _renew(self) -> None:
        asked, held_before = time.monotonic(), self.held
        try:
            ours = await self._registry.acquire(
                self.name, self._holder, ttl_ms=int(TTL_SECONDS * 1000)
            )
        except StoreUnavailable:
            return  # the lease runs out by itself, here as there
        self._until = asked + TTL_SECONDS if ours else float("-inf")
        if self.held != held_before:
            log.info("duty_taken" if self.held else "duty_lost", duty=self.name)
