"""Whether the store answers, asked every second, so that /ready need not wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

EVERY_SECONDS: Final = 1.0

log = structlog.get_logger()


class Pulse:
    """Asks from `start` to `stop`; `fault` says what is wrong, None when nothing is."""

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        """`ping` raises StoreUnavailable after its own deadline."""
        self.fault: str | None = "not asked yet"
        self._ping = ping
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._beat(), name="store-pulse")

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    async def _beat(self) -> None:
        while True:
            before = self.fault
            try:
                await self._ping()
                self.fault = None
            except StoreUnavailable as fault:
                self.fault = str(fault)
            if self.fault != before:
                log.info("store_pulse", fault=self.fault)
            await pause(EVERY_SECONDS)
