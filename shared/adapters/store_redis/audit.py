"""The audit log in Redis: a stream for the house and one for each tenant, both capped."""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.aio import Asker
from shared.contracts.audit import AuditEntry

HOUSE_KEEPS: Final = 100_000  # entries; about 30 MB
TENANT_KEEPS: Final = 10_000
_FIELD: Final = "entry"

_Reply = list[tuple[bytes, tuple[bytes, bytes]]]


class RedisAudit:
    """Keeps `ports.AuditLog` on Redis. Connects when first asked; for one event loop."""

    def __init__(self, redis_url: str, *, deadline: float) -> None:
        """Remember where Redis is; each call takes at most `deadline` seconds."""
        self._asker = Asker(redis_url, deadline)

    async def append(self, entry: AuditEntry) -> None:
        text = msgspec.json.encode(entry)
        streams = [(keys.AUDIT, HOUSE_KEEPS)]
        if entry.tenant is not None:
            streams.append((keys.audit(entry.tenant), TENANT_KEEPS))
        commands = [("XADD", key, "MAXLEN", "~", most, "*", _FIELD, text) for key, most in streams]
        await self._asker.persist(lambda within: self._asker.line.ask(*commands, within=within))

    async def page(
        self, tenant: str | None, *, before: str | None, limit: int
    ) -> Sequence[tuple[str, AuditEntry]]:
        key = keys.AUDIT if tenant is None else keys.audit(tenant)
        newest = "+" if before is None else f"({before}"
        found = cast("_Reply", await self._asker.ask("XREVRANGE", key, newest, "-", "COUNT", limit))
        return [
            (place.decode(), msgspec.json.decode(text, type=AuditEntry))
            for place, (_, text) in found
        ]

    async def close(self) -> None:
        """Close the connection."""
        self._asker.close()
