"""What operators did, in memory."""

from collections.abc import Sequence

from shared.contracts.audit import AuditEntry
from shared.contracts.errors import StoreUnavailable


class FakeAudit:
    """Keeps `ports.AuditLog` in memory; `away` makes it unavailable."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.away = False

    async def append(self, entry: AuditEntry) -> None:
        self._answer()
        self.entries.append(entry)

    async def page(
        self, tenant: str | None, *, before: str | None, limit: int
    ) -> Sequence[tuple[str, AuditEntry]]:
        self._answer()
        end = len(self.entries) if before is None else int(before.partition("-")[0])
        mine = [
            (f"{place}-0", entry)
            for place, entry in enumerate(self.entries[:end])
            if tenant in (None, entry.tenant)
        ]
        return mine[::-1][:limit]

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable
