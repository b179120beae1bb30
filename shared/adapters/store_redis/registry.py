"""What lies outside the tenants, in Redis: tenants, catalogue, workers, duties."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar, cast

import msgspec

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.aio import Asker
from shared.contracts.catalog import CatalogEntry, WorkerCard

WORKER_STAYS_MS: Final = 15_000
TYPE_STAYS_MS: Final = 600_000
_FORGET_MS: Final = 24 * 3600 * 1000

# Writes cards and entries with the server's time in front: "<ms> <JSON>".
_ANNOUNCE: Final = """\
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], now .. ' ' .. ARGV[i + 1]) end
"""
_ACQUIRE: Final = """\
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

T = TypeVar("T", bound=msgspec.Struct)


class RedisRegistry:
    """Keeps `ports.Registry` on Redis. Connects when first asked; for one event loop."""

    def __init__(self, redis_url: str, *, deadline: float = 2.0) -> None:
        """Remember where Redis is; each call takes at most `deadline` seconds."""
        self._asker = Asker(redis_url, deadline)

    async def announce(self, worker: WorkerCard, types: Sequence[CatalogEntry]) -> None:
        """Say that `worker` is alive and serves `types`; an older version never hides a newer."""
        args: list[str | bytes] = [worker.id, msgspec.json.encode(worker)]
        for entry in types:
            args += [f"{entry.type} {entry.version}", msgspec.json.encode(entry)]
        await self._asker.ask("EVAL", _ANNOUNCE, 2, keys.WORKERS, keys.CATALOG, *args)

    async def catalogue(self) -> Sequence[CatalogEntry]:
        """Return the newest entry of every type announced within the last 10 minutes."""
        newest: dict[str, CatalogEntry] = {}
        for _, entry in await self._fresh(keys.CATALOG, CatalogEntry, TYPE_STAYS_MS):
            known = newest.get(entry.type)
            if known is None or known.version < entry.version:
                newest[entry.type] = entry
        return [newest[name] for name in sorted(newest)]

    async def workers(self) -> Sequence[WorkerCard]:
        """Return the workers seen within the last 15 s."""
        fresh = await self._fresh(keys.WORKERS, WorkerCard, WORKER_STAYS_MS)
        cards = [msgspec.structs.replace(card, seen_at=seen_at) for seen_at, card in fresh]
        return sorted(cards, key=lambda card: card.id)

    async def retire(self, worker: str) -> None:
        """Say that a worker has stopped."""
        await self._asker.ask("HDEL", keys.WORKERS, worker)

    async def tenants(self) -> Sequence[str]:
        """Return every tenant that has ever submitted a job to this store."""
        return sorted(name.decode() for name in await self._asker.ask("SMEMBERS", keys.TENANTS))

    async def enrol(self, tenant: str) -> None:
        """Add a tenant; the store does so by itself before it writes a record."""
        await self._asker.ask("SADD", keys.TENANTS, tenant)

    async def acquire(self, duty: str, holder: str, *, ttl_ms: int) -> bool:
        """Take or renew the lease of a house-wide duty; False while another holds it."""
        return bool(await self._asker.ask("EVAL", _ACQUIRE, 1, keys.duty(duty), holder, ttl_ms))

    async def ping(self) -> None:
        """Return when Redis answers.

        Raises:
            StoreUnavailable: it does not within the deadline.
        """
        await self._asker.ask("PING")

    async def close(self) -> None:
        """Close the connection."""
        self._asker.close()

    async def _fresh(self, key: str, kind: type[T], stays_ms: int) -> list[tuple[int, T]]:
        """Read what was announced within `stays_ms`, and drop what is a day old."""
        seconds, micros = cast("tuple[bytes, bytes]", await self._asker.ask("TIME"))
        now = int(seconds) * 1000 + int(micros) // 1000
        flat = cast("list[bytes]", await self._asker.ask("HGETALL", key))
        said = dict(zip(flat[::2], flat[1::2], strict=True))
        ages = {name: now - int(value.partition(b" ")[0]) for name, value in said.items()}
        await self._forget(key, (name for name, age in ages.items() if age > _FORGET_MS))
        return [
            (now - ages[name], msgspec.json.decode(value.partition(b" ")[2], type=kind))
            for name, value in said.items()
            if ages[name] <= stays_ms
        ]

    async def _forget(self, key: str, names: Iterable[bytes]) -> None:
        if gone := list(names):
            await self._asker.ask("HDEL", key, *gone)
