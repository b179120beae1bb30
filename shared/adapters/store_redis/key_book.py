"""API keys in Redis: one hash, in which a random mark changes with every change of a key."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec
import structlog

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.aio import Asker
from shared.contracts.api_keys import PutVerdict, StoredKey

MOST_KEYS: Final = 10_000
_VERSION: Final = ":version"  # no key's id: those have no colon
_VERDICTS: Final = {1: PutVerdict.DONE, 0: PutVerdict.CHANGED, -1: PutVerdict.FULL}

# A key must be revocable when memory has run out. A repeat finds what it wrote, and says so.
_PUT: Final = """\
#!lua flags=allow-oom
local id, text, version, following, most = unpack(ARGV)
local stands = redis.call('HGET', KEYS[1], id)
if stands == text then return 1 end
if (redis.call('HGET', KEYS[1], ':version') or '') ~= version then return 0 end
for i = 6, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
if not stands and redis.call('HLEN', KEYS[1]) > tonumber(most) then return -1 end
redis.call('HSET', KEYS[1], id, text, ':version', following)
return 1
"""

log = structlog.get_logger()


class RedisKeyBook:
    """Keeps `ports.KeyBook` on Redis. Connects when first asked; for one event loop."""

    def __init__(self, redis_url: str, *, deadline: float) -> None:
        """Remember where Redis is; each call takes at most `deadline` seconds."""
        self._asker = Asker(redis_url, deadline)

    async def version(self) -> str:
        return _text(await self._asker.ask("HGET", keys.KEYS, _VERSION))

    async def read(self) -> tuple[str, Mapping[str, StoredKey]]:
        flat = cast("list[bytes]", await self._asker.ask("HGETALL", keys.KEYS))
        texts = dict(zip(map(_text, flat[::2]), flat[1::2], strict=True))
        version = _text(texts.pop(_VERSION, None))
        read = {name: _read(name, text) for name, text in texts.items()}
        return version, {name: key for name, key in read.items() if key}

    async def put(
        self, key: StoredKey, *, version: str, forgetting: Iterable[str] = ()
    ) -> PutVerdict:
        gone = tuple(forgetting)
        done = await self._asker.ask(
            *("EVAL", _PUT, 1, keys.KEYS, key.id, msgspec.json.encode(key)),
            *(version, uuid.uuid4().hex, MOST_KEYS, *gone),
        )
        if gone:
            await self._asker.ask("HDEL", keys.KEYS_USED, *gone)
        return _VERDICTS[int(done)]

    async def used(self) -> Mapping[str, int]:
        flat = cast("list[bytes]", await self._asker.ask("HGETALL", keys.KEYS_USED))
        return {_text(name): int(at) for name, at in zip(flat[::2], flat[1::2], strict=True)}

    async def note_used(self, used: Mapping[str, int]) -> None:
        if used:
            pairs = [part for name, at in used.items() for part in (name, at)]
            await self._asker.ask("HSET", keys.KEYS_USED, *pairs)

    async def close(self) -> None:
        """Close the connection."""
        self._asker.close()


def _read(name: str, text: bytes) -> StoredKey | None:
    try:
        return msgspec.json.decode(text, type=StoredKey)
    except msgspec.DecodeError:
        log.warning("stored_key_unreadable", key_id=name)  # one key, and not all of them with it
        return None


def _text(reply: bytes | None) -> str:
    return (reply or b"").decode()
