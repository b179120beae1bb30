"""The store for callers in threads."""

from collections.abc import Mapping
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from shared.adapters.store_redis import keys, outage
from shared.adapters.store_redis.decode import decode
from shared.adapters.store_redis.encode import Call, encode
from shared.adapters.store_redis.scripts import Script, render_all
from shared.contracts.operations import Operation
from shared.runtime.pacing import full_jitter, pause_thread

A = TypeVar("A")

CONNECTIONS = 64


class RedisStore:
    """Keeps `ports.JobStore` on Redis. Connects when first asked; safe to share by threads."""

    def __init__(
        self,
        redis_url: str,
        *,
        deadline: float = 2.0,
        scripts: Mapping[str, Script] | None = None,
    ) -> None:
        """Remember where Redis is; an operation takes at most `deadline` seconds."""
        self._scripts = scripts or render_all()
        self._deadline = deadline
        self._pool = redis.BlockingConnectionPool.from_url(
            redis_url,
            retry=Retry(NoBackoff(), 0),
            **outage.options(deadline, connections=CONNECTIONS),
        )
        self._redis = redis.Redis(connection_pool=self._pool)

    def do(self, operation: Operation[A]) -> A:
        """Carry out one operation; see `ports.JobStore.do`."""
        call = encode(operation)
        answer: A = decode(operation, self._persist(lambda: self._call(call)))
        return answer

    def ping(self) -> None:
        """Return when Redis answers.

        Raises:
            StoreUnavailable: it does not within the deadline.
        """
        self._persist(self._redis.ping)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        self._pool.disconnect()

    def _persist(self, ask: Any) -> Any:  # noqa: ANN401 - replies have no type
        patience = outage.Patience(self._deadline)
        while True:
            try:
                return ask()
            except outage.TRANSIENT as fault:
                patience.bear(fault)
            except RedisError as fault:
                self._pool.disconnect(
                    inuse_connections=False
                )  # perhaps another node is primary now
                raise outage.unavailable(fault) from fault
            pause_thread(
                full_jitter(
                    patience.tries,
                    base=outage.FIRST_PAUSE_SECONDS,
                    cap=outage.LONGEST_PAUSE_SECONDS,
                )
            )

    def _call(self, call: Call) -> Any:  # noqa: ANN401 - replies have no type
        script = self._scripts[call.script]
        reply = self._send(call, "EVALSHA", script.sha)
        if outage.is_script_missing(reply):
            reply = self._send(call, "EVAL", script.text)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _send(self, call: Call, command: str, script: str) -> Any:  # noqa: ANN401
        asked = (command, script, len(call.keys), *call.keys, *call.args)
        if not call.enrols:
            try:
                return self._redis.execute_command(*asked)  # type: ignore[no-untyped-call]
            except ResponseError as refusal:
                return refusal
        pipe = self._redis.pipeline(transaction=False)
        pipe.execute_command("SADD", keys.TENANTS, keys.tenant_of(call.keys[0]))  # type: ignore[no-untyped-call]
        pipe.execute_command(*asked)  # type: ignore[no-untyped-call]
        return pipe.execute(raise_on_error=False)[-1]
