"""What is asked and ordered about queues: an overview, a pause, a resume."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.gateway.catalogue import Catalogue
from services.gateway.queues.broker_side import BrokerSide
from services.gateway.queues.depths import Depth
from services.gateway.queues.tallying import tally_queues
from services.gateway.refusals import QueueNotFound
from shared.contracts.catalog import WorkerCard
from shared.contracts.errors import StoreUnavailable
from shared.contracts.queues import Pause, QueueTally
from shared.ports import AsyncJobStore, PauseBoard, Registry

COUNT_SECONDS: Final = 1.5  # with what the broker may take below the 3 s of any answer


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLine:
    """One queue. `workers`: how many live ones serve it; `broker` None: it was not heard."""

    name: str
    tally: QueueTally
    workers: int
    paused: Pause | None
    broker: Depth | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All queues by name; `broker_away`: RabbitMQ was asked and did not answer."""

    queues: Sequence[QueueLine]
    broker_away: bool = False


class QueueDesk:
    """Knows everybody who knows something about queues."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        registry: Registry,
        pauses: PauseBoard,
        catalogue: Catalogue,
        broker: BrokerSide,
    ) -> None:
        """Keep them."""
        self._store = store
        self._registry = registry
        self._pauses = pauses
        self._catalogue = catalogue
        self._broker = broker

    async def overview(
        self,
        tenant: str | None,
        *,
        also: frozenset[str] = frozenset(),
        within: float = COUNT_SECONDS,
    ) -> Overview:
        """Return every queue, with the jobs of one tenant or (None) of all.

        `also` are told of even if they have just ceased to be known; `within` is in seconds.

        Raises:
            StoreUnavailable: the store did not answer in time.
        """
        try:
            async with asyncio.timeout(within):
                return await self._overview(tenant, also)
        except TimeoutError as fault:
            raise StoreUnavailable("The queues could not be counted in time.") from fault

    async def look_up(self, name: str, tenant: str | None) -> Overview:
        """Return one queue; raises as `overview` does.

        Raises:
            QueueNotFound: nobody serves it, nothing lies in it, nobody has paused it.
        """
        return _only(name, await self.overview(tenant))

    async def pause(self, name: str, *, by: str, reason: str) -> bool:
        """Let no job of a queue begin; False: none did already. Raises as `look_up` does."""
        await self._check_known(name)
        return await self._pauses.pause(name, by=by, reason=reason)

    async def resume(self, name: str) -> bool:
        """Let a queue go on; False: it was not paused. Raises as `look_up` does."""
        await self._check_known(name)
        return await self._pauses.resume(name)

    async def look_after(self, name: str, tenant: str | None) -> Overview:
        """Return a queue after a pause or a resume of it; raises as `overview` does."""
        return _only(name, await self.overview(tenant, also=frozenset({name})))

    async def ask_broker(self, found: Overview) -> Overview:
        """Add what RabbitMQ says, or that it says nothing."""
        told = await self._broker.read([line.name for line in found.queues])
        if told is None:
            return Overview(queues=found.queues, broker_away=True)
        return Overview(queues=[replace(line, broker=told[line.name]) for line in found.queues])

    async def workers(self) -> Sequence[WorkerCard]:
        """Return the live workers; raises StoreUnavailable."""
        return await self._registry.workers()

    async def _overview(self, tenant: str | None, also: frozenset[str]) -> Overview:
        served, pauses, cards, tallies = await asyncio.gather(
            self._catalogue.queues(),
            self._pauses.read(),
            self._registry.workers(),
            self._tallies(tenant),
        )
        names = sorted(served | pauses.queues.keys() | tallies.keys() | also)
        lines = [
            QueueLine(
                name=name,
                tally=tallies.get(name) or QueueTally(),
                workers=serving(cards, name),
                paused=pauses.queues.get(name),
            )
            for name in names
        ]
        return Overview(queues=lines)

    async def _check_known(self, name: str) -> None:
        if name in await self._catalogue.queues() or name in (await self._pauses.read()).queues:
            return
        if name not in await self._tallies(None):
            raise QueueNotFound

    async def _tallies(self, tenant: str | None) -> dict[str, QueueTally]:
        tenants = await self._registry.tenants() if tenant is None else [tenant]
        return await tally_queues(tenants, store=self._store)


def serving(cards: Sequence[WorkerCard], queue: str) -> int:
    """Return how many workers take jobs of a queue, or would if it were not paused."""
    return sum(queue in card.queues and not card.draining for card in cards)


def _only(name: str, found: Overview) -> Overview:
    lines = [line for line in found.queues if line.name == name]
    if not lines:
        raise QueueNotFound
    return Overview(queues=lines)
