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


async def watch_store(store: Pings, intake: Intake) -> None:
    """Ask a store that failed until it answers, for ever."""
    while True:
        if intake.store_away:
            try:
                await store.ping()
            except StoreUnavailable as fault:
                log.warning("store_away", why=str(fault))
            else:
                log.info("store_back")
                intake.store_answered()
        await pause(INTERVAL_SECONDS)
