"""Says every 5 s that this worker lives and what it can run, and looks who else does."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from services.worker.attempts.unknown import TypeWatch
from services.worker.intake.gate import Intake
from shared.contracts.catalog import CatalogEntry, RunningJob, WorkerCard
from shared.contracts.errors import StoreUnavailable
from shared.ports import Registry
from shared.runtime.pacing import pause
from shared.runtime.spells import Spell

INTERVAL_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5  # how late it is told that the worker drains

log = structlog.get_logger()


class Announcer:
    """The worker's entry in the registry; runs on the house loop."""

    def __init__(
        self,
        registry: Registry,
        card: WorkerCard,
        entries: Sequence[CatalogEntry],
        types: TypeWatch,
        intake: Intake,
        *,
        running: Callable[[], Sequence[RunningJob]],
        held: Callable[[], dict[str, tuple[str, ...]]],
    ) -> None:
        """Describe it; `running` says what runs here, `held` which jobs' messages are here."""
        self._registry = registry
        self._card = card
        self._entries = entries
        self._types = types
        self._intake = intake
        self._running = running
        self._held = held
        self._heard = False
        self._unheard = Spell("worker_not_announced", "worker_announced_again")

    async def run(self) -> None:
        """Announce at once, again every 5 s, and at once when a drain begins, for ever."""
        while True:
            drained = self._intake.draining
            seconds = INTERVAL_SECONDS if await self._announce() else RETRY_SECONDS
            while seconds > 0 and self._intake.draining == drained:
                await pause(LOOK_SECONDS)
                seconds -= LOOK_SECONDS

    async def forget(self) -> None:
        """Take the entry out: the worker stops."""
        try:
            await self._registry.retire(self._card.id)
        except StoreUnavailable as fault:
            log.warning("worker_not_retired", why=str(fault))  # it is forgotten in 15 s anyway

    async def _announce(self) -> bool:
        running = tuple(self._running())
        card = msgspec.structs.replace(
            self._card,
            busy=len(running),
            running=running,
            draining=self._intake.draining,
            held=self._held(),
        )
        try:
            await self._registry.announce(card, self._entries)
            # Not the catalogue: it keeps a type for 10 minutes after its last worker.
            alive = await self._registry.workers()
            self._types.seen({name for other in alive for name in other.types})
        except StoreUnavailable as fault:
            self._unheard.met(why=str(fault))
            self._heard = False
            if not await self._is_read():
                self._intake.store_failed()
            return False
        self._unheard.over()
        if not self._heard:
            self._heard = True
            log.info("worker_announced", worker=card.id, types=card.types, queues=card.queues)
        return True

    async def _is_read(self) -> bool:
        """Whether the store answers at all: one that is full refuses news, but jobs go on."""
        try:
            await self._registry.workers()
        except StoreUnavailable:
            return False
        return True
