"""Whether the store answers, asked in the background so that /ready need not wait."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 1.0

log = structlog.get_logger()


class StorePulse:
    """The answer to the last ping."""

    def __init__(self, ping: Callable[[], Awaitable[None]]) -> None:
        """Keep how to ask; `ping` raises StoreUnavailable and has a deadline of its own."""
        self.complaint: str | None = "Redis has not been asked yet"
        self._ping = ping

    async def follow(self) -> None:
        """Ask once a second, for ever."""
        while True:
            complaint = await self._ask()
            if complaint != self.complaint:
                log.info("store_connected") if complaint is None else log.warning("store_away")
            self.complaint = complaint
            await pause(PERIOD_SECONDS)

    async def _ask(self) -> str | None:
        try:
            await self._ping()
        except StoreUnavailable:
            return "Redis does not answer"
        except Exception:  # the outermost loop of asking: an answer from the past is a lie
            log.exception("store_ping_failed")
            return "Redis could not be asked"
        return None
