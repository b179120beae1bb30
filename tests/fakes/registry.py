"""What lies outside the tenants, in memory."""

from collections.abc import Sequence

from shared.contracts.catalog import CatalogEntry, Limits, WorkerCard
from shared.contracts.errors import StoreUnavailable


class FakeRegistry:
    """Keeps `ports.Registry` in memory; leases never run out by themselves (see `expire`)."""

    def __init__(self, *entries: CatalogEntry, tenants: Sequence[str] = ()) -> None:
        self.entries = list(entries)
        self.cards: list[WorkerCard] = []
        self.joined = list(tenants)
        self.leases: dict[str, tuple[str, int]] = {}
        self.away = False
        self.looks = 0

    async def announce(self, worker: WorkerCard, types: Sequence[CatalogEntry]) -> None:
        self.cards.append(worker)
        self.entries.extend(types)

    async def catalogue(self) -> Sequence[CatalogEntry]:
        self._answer()
        self.looks += 1
        return list(self.entries)

    async def workers(self) -> Sequence[WorkerCard]:
        self._answer()
        return list(self.cards)

    async def retire(self, worker: str) -> None:
        self.cards = [card for card in self.cards if card.id != worker]

    async def tenants(self) -> Sequence[str]:
        self._answer()
        return list(self.joined)

    async def enrol(self, tenant: str) -> None:
        self._answer()
        self.joined.append(tenant)

    async def acquire(self, duty: str, holder: str, *, ttl_ms: int) -> bool:
        self._answer()
        if self.leases.get(duty, (holder, 0))[0] != holder:
            return False
        self.leases[duty] = (holder, ttl_ms)
        return True

    def expire(self, duty: str) -> None:
        """Let a lease run out."""
        self.leases.pop(duty, None)

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable


def an_entry(
    name: str = "demo.steps",
    *,
    version: int = 1,
    queue: str = "default",
    schema: dict[str, object] | None = None,
    retention: float | None = None,
) -> CatalogEntry:
    """Return a job type that takes `{steps: integer ≥ 1}` and four attempts."""
    return CatalogEntry(
        type=name,
        version=version,
        summary="Counts.",
        queue=queue,
        isolation="slot",
        limits=Limits(
            soft_time_limit_seconds=None,
            time_limit_seconds=60,
            retries=3,
            min_backoff_seconds=1,
            max_backoff_seconds=10,
            retention_seconds=retention,
        ),
        payload_schema=schema
        or {
            "type": "object",
            "properties": {
                "steps": {"type": "integer", "minimum": 1},
                "options": {
                    "type": "object",
                    "properties": {"a/b": {"type": "string"}},
                    "additionalProperties": False,
                },
                "rest": {},
            },
            "required": ["steps"],
            "additionalProperties": False,
        },
        result_schema=None,
    )


def a_worker(
    name: str = "w1", *queues: str, types: tuple[str, ...] = ("demo.steps",)
) -> WorkerCard:
    """Return the card of a live worker."""
    return WorkerCard(
        id=name,
        host="h",
        pid=1,
        slots=1,
        busy=0,
        queues=queues or ("default",),
        types=types,
        started_at=0,
    )
