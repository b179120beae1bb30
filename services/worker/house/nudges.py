"""Hears of a cancel at once; a nudge that gets lost is made good by the next heartbeat."""

from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.runtime.pacing import full_jitter, pause
from shared.runtime.spells import Spell

LISTEN_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 3.0
CAP_SECONDS: Final = 10.0


class Nudges:
    """Listens to `wm:worker:<worker id>`, where the store publishes ids of jobs to look after."""

    def __init__(self, redis_url: str, worker: str, hear: Callable[[str], None]) -> None:
        """Describe it; `hear` gets a job's id, on the loop."""
        self._url = redis_url
        self._channel = f"wm:worker:{worker}"
        self._hear = hear
        self._unheard = Spell("nudges_interrupted", "nudges_heard_again")

    async def run(self) -> None:
        """Listen, and connect again when that fails, for ever."""
        tries = 0
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as fault:
                tries += 1
                self._unheard.met(why=str(fault) or type(fault).__name__, then="heartbeats tell")
            else:
                tries = 0
            await pause(full_jitter(tries or 1, base=1.0, cap=CAP_SECONDS))

    async def _listen(self) -> None:
        client = Redis.from_url(
            self._url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_keepalive=True,
            health_check_interval=LISTEN_SECONDS,
            decode_responses=True,
        )
        async with client, client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self._channel)
            self._unheard.over()
            while True:
                message = await channel.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    self._hear(str(message["data"]))
