"""The store for callers on an event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared.adapters.store_redis import keys, outage
from shared.adapters.store_redis.decode import decode
from shared.adapters.store_redis.encode import Call, encode
from shared.adapters.store_redis.scripts import Script, render_all
from shared.contracts.operations import Operation
from shared.runtime.pacing import full_jitter, pause

A = TypeVar("A")

CONNECTIONS = 64


class AsyncRedisStore:
    """Keeps `ports.AsyncJobStore` on Redis. Connects when first asked; for one event loop."""

    def __init__(
        self,
        redis_url: str,
        *,
        deadline: float = 2.0,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        """Remember where Redis is; an operation takes at most `deadline` seconds."""
        self._scripts = scripts or render_all()
        self._asker = Asker(redis_url, deadline)

    async def do(self, operation: Operation[A]) -> A:
        """Carry out one operation; see `ports.JobStore.do`."""
        call = encode(operation)
        answer: A = decode(operation, await self._asker.persist(lambda: self._call(call)))
        return answer

    async def ping(self) -> None:
        """Return when Redis answers.

        Raises:
            StoreUnavailable: it does not within the deadline.
        """
        await self._asker.persist(lambda: self._asker.redis.execute_command("PING"))  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Close the connections."""
        await self._asker.close()

    async def _call(self, call: Call) -> Any:  # noqa: ANN401 - replies have no type
        script = self._scripts[call.script]
        reply = await self._send(call, "EVALSHA", script.sha)
        if outage.is_script_missing(reply):
            reply = await self._send(call, "EVAL", script.text)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _send(self, call: Call, command: str, script: str) -> Any:  # noqa: ANN401
        pipe = self._asker.redis.pipeline(transaction=False)
        if call.enrols:
            pipe.execute_command("SADD", keys.TENANTS, keys.tenant_of(call.keys[0]))
        pipe.execute_command(command, script, len(call.keys), *call.keys, *call.args)
        return (await pipe.execute(raise_on_error=False))[-1]


class Asker:
    """A client, and how long and how often it asks. Also the registry's."""

    def __init__(self, redis_url: str, deadline: float) -> None:
        """Remember where Redis is and for how long (s) to ask."""
        self._deadline = deadline
        self._pool = aioredis.BlockingConnectionPool.from_url(
            redis_url,
            retry=Retry(NoBackoff(), 0),
            **outage.options(deadline, connections=CONNECTIONS),
        )
        self.redis = aioredis.Redis(connection_pool=self._pool)

    async def persist(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Ask until there is an answer.

        Raises:
            StoreUnavailable: none within the deadline, or Redis refuses.
        """
        patience = outage.Patience(self._deadline)
        while True:
            try:
                async with asyncio.timeout(patience.left):
                    return await ask()
            except outage.TRANSIENT as fault:
                patience.bear(fault)
            except RedisError as fault:
                await self._pool.disconnect(inuse_connections=False)  # perhaps a new primary
                raise outage.unavailable(fault) from fault
            await pause(
                full_jitter(
                    patience.tries,
                    base=outage.FIRST_PAUSE_SECONDS,
                    cap=outage.LONGEST_PAUSE_SECONDS,
                )
            )

    async def close(self) -> None:
        """Close the connections."""
        await self.redis.aclose()
        await self._pool.disconnect()
