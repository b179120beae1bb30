"""Opens the intake again when a store that did not answer does: the other half of the breaker."""

from typing import Final, Protocol

import structlog

from services.worker.intake.gate import Intake
from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

INTERVAL_SECONDS: Final = 0.5

log = structlog.get_logger()


class Pings(Protocol):
    """A store that can be asked whether it is there."""

    async def ping(self) -> None:
        """Raise StoreUnavailable when it is not."""


class Looks(Protocol):
    """Something that the store knows, and that must be known before jobs are taken in."""

    async def look(self) -> None:
        """Raise StoreUnavailable when the store does not tell."""


async def watch_store(store: Pings, pauses: Looks, intake: Intake) -> None:
    """Ask a store that failed until it answers, for ever."""
    while True:
        if intake.store_away:
            try:
                await store.ping()
                await pauses.look()
            except StoreUnavailable as fault:
                log.warning("store_away", why=str(fault))
            else:
                log.info("store_back")
                intake.store_answered()
        await pause(INTERVAL_SECONDS)
