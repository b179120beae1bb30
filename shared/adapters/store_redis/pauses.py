"""Which queues are paused, in Redis: `wm:paused`, a hash of queue -> `{by, reason, at}` in JSON.

Its field `#` counts the changes, never below the time in ms. So whoever has seen a higher number
than is there now knows that the store has forgotten, and tells it again.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
import structlog

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.aio import Asker
from shared.contracts.queues import NOTHING_PAUSED, Pause, Pauses

_VERSION: Final = b"#"  # no queue can have this name
_ILLEGIBLE: Final = Pause(by="", reason=None, at=0)  # written by hand: paused all the same

# Even a store that is full must let an operator pause.
_HEAD: Final = """\
#!lua flags=allow-oom
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local version = tonumber(redis.call('HGET', KEYS[1], '#') or 0) or 0
local function change()
  redis.call('HSET', KEYS[1], '#', string.format('%d', math.max(version + 1, now)))
end
"""
_PAUSE: Final = f"""{_HEAD}
local told = ARGV[2] .. ',"at":' .. string.format('%d', now) .. '}}'
local changed = redis.call('HSETNX', KEYS[1], ARGV[1], told)
if changed == 1 then change() end
return {{ changed, redis.call('HGETALL', KEYS[1]) }}
"""
_RESUME: Final = f"""{_HEAD}
local changed = redis.call('HDEL', KEYS[1], ARGV[1])
if changed == 1 then change() end
return {{ changed, redis.call('HGETALL', KEYS[1]) }}
"""
_REMIND: Final = f"""{_HEAD}
if version < tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], '#', unpack(ARGV))
end
return redis.call('HGETALL', KEYS[1])
"""

log = structlog.get_logger()


class RedisPauses:
    """Keeps `ports.PauseBoard` on Redis. Connects when first asked; for one event loop."""

    def __init__(self, redis_url: str, *, deadline: float = 2.0) -> None:
        """Remember where Redis is; each call takes at most `deadline` seconds."""
        self._asker = Asker(redis_url, deadline)
        self._newest = NOTHING_PAUSED

    async def read(self) -> Pauses:
        """Return what is paused; a store that forgot is reminded."""
        told = _pauses(await self._asker.ask("HGETALL", keys.PAUSED))
        if told.version < self._newest.version:
            log.warning("pauses_forgotten", reminded_of=sorted(self._newest.queues))
            told = _pauses(await self._ask(_REMIND, *_flat(self._newest)))
        return self._note(told)

    async def pause(self, queue: str, *, by: str, reason: str) -> bool:
        """Pause a queue; one that is paused stays so as it is."""
        await self.read()
        opening = msgspec.json.encode({"by": by, "reason": reason}).removesuffix(b"}")
        return await self._change(_PAUSE, queue, opening)

    async def resume(self, queue: str) -> bool:
        """Let a queue go on."""
        await self.read()
        return await self._change(_RESUME, queue)

    async def close(self) -> None:
        """Close the connection."""
        self._asker.close()

    async def _change(self, script: str, *args: str | bytes) -> bool:
        changed, flat = cast("tuple[int, list[bytes]]", await self._ask(script, *args))
        self._note(_pauses(flat))
        return bool(changed)

    async def _ask(self, script: str, *args: str | bytes) -> Any:  # noqa: ANN401 - by script
        return await self._asker.ask("EVAL", script, 1, keys.PAUSED, *args)

    def _note(self, told: Pauses) -> Pauses:
        if told.version >= self._newest.version:
            self._newest = told
        return self._newest


def _pauses(flat: list[bytes]) -> Pauses:
    said = dict(zip(flat[::2], flat[1::2], strict=True))
    version = said.pop(_VERSION, b"")
    return Pauses(
        version=int(version) if version.isdigit() else 0,
        queues={queue.decode(): _pause(text) for queue, text in sorted(said.items())},
    )


def _pause(text: bytes) -> Pause:
    try:
        return msgspec.json.decode(text, type=Pause)
    except msgspec.DecodeError:
        return _ILLEGIBLE


def _flat(pauses: Pauses) -> list[str | bytes]:
    told: Mapping[str, Pause] = pauses.queues
    pairs = [part for queue, pause in told.items() for part in (queue, msgspec.json.encode(pause))]
    return [str(pauses.version), *pairs]
