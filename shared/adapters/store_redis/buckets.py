"""Token buckets in Redis: GCRA, one number a bucket, by the time of Redis."""

from typing import Final

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.aio import Asker
from shared.contracts.rates import Draw, Rate

# The number is when the bucket will be full again, in microseconds; a missing one is full. A
# clock that was set back leaves nobody waiting for longer than an empty bucket would.
_DRAW: Final = """\
#!lua flags=allow-oom
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each, burst, wanted = 1000000 / ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
full = math.min(math.max(full, now), now + burst * each)
local room = math.floor((now + burst * each - full) / each + 0.000001)
local granted = math.min(room, wanted)
if granted > 0 then
  full = full + granted * each
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
  return {granted, room - granted, 0}
end
return {0, 0, math.ceil((full + each - now - burst * each) / 1000)}
"""


class RedisBuckets:
    """Keeps `ports.Buckets` on Redis. Connects when first asked; for one event loop."""

    def __init__(self, redis_url: str, *, deadline: float) -> None:
        """Remember where Redis is; each call takes at most `deadline` seconds."""
        self._asker = Asker(redis_url, deadline)

    async def draw(self, tenant: str, name: str, *, rate: Rate, wanted: int) -> Draw:
        key = keys.bucket(tenant, name)
        granted, left, wait_ms = await self._asker.ask(
            "EVAL", _DRAW, 1, key, rate.per_second, rate.burst, wanted
        )
        return Draw(granted, left, wait_ms)

    async def close(self) -> None:
        """Close the connection."""
        self._asker.close()
