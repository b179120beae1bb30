"""The store for callers on an event loop."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError, ResponseError

from shared.adapters.store_redis import outage
from shared.adapters.store_redis.decode import decode
from shared.adapters.store_redis.keeping import Keeping, look
from shared.adapters.store_redis.line import Line
from shared.adapters.store_redis.packing import Packer
from shared.adapters.store_redis.scripts import Script, render_all
from shared.contracts.operations import Operation
from shared.runtime.pacing import full_jitter, pause

A = TypeVar("A")


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
        self._asker = Asker(redis_url, deadline)
        self._packer = Packer(scripts or render_all())

    async def do(self, operation: Operation[A]) -> A:
        """Carry out one operation; see `ports.JobStore.do`."""
        asked = self._packer.pack(operation)
        reply = await self._asker.persist(lambda within: self._call(operation, asked, within))
        answer: A = decode(operation, reply)
        return answer

    async def ping(self) -> None:
        """Return when Redis answers.

        Raises:
            StoreUnavailable: it does not within the deadline.
        """
        await self._asker.ask("PING")

    async def keeping(self) -> Keeping:
        """Return whether Redis evicts, and whether it writes a file; raises as `ping` does."""
        return await look(self._asker.ask_if_allowed)

    async def close(self) -> None:
        """Close the connection."""
        self._asker.close()

    async def _call(self, operation: Operation[Any], asked: Sequence[bytes], within: float) -> Any:  # noqa: ANN401 - replies have no type
        try:
            return await self._asker.line.ask(*asked, within=within)
        except NoScriptError:
            told = self._packer.pack_with_text(operation)
            return await self._asker.line.ask(*told, within=within)


class Asker:
    """A line to Redis, and how long and how often it asks. Also the registry's."""

    def __init__(self, redis_url: str, deadline: float) -> None:
        """Remember where Redis is and for how long (s) to ask."""
        self._deadline = deadline
        self._try_takes = outage.try_takes(deadline)
        self.line = Line(redis_url)

    async def ask(self, *command: Any) -> Any:  # noqa: ANN401 - replies have no type
        """Carry out one command, which may be repeated; raises as `persist` does."""
        return await self.persist(lambda within: self.line.ask(command, within=within))

    async def ask_if_allowed(self, *command: Any) -> Any:  # noqa: ANN401 - replies have no type
        """Carry out one command; None when Redis forbids it. Raises as `persist` does."""

        async def attempt(within: float) -> Any:  # noqa: ANN401 - replies have no type
            try:
                return await self.line.ask(command, within=within)
            except ResponseError:
                return None

        return await self.persist(attempt)

    async def persist(self, ask: Callable[[float], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Ask until there is an answer; `ask` is told within how many seconds to get it.

        Raises:
            StoreUnavailable: none within the deadline, or Redis refuses.
        """
        patience = outage.Patience(self._deadline)
        while True:
            try:
                return await ask(min(self._try_takes, patience.left))
            except TimeoutError as fault:
                self.line.doubt(self._try_takes)
                patience.bear(fault)
            except outage.TRANSIENT as fault:
                patience.bear(fault)
            except RedisError as fault:
                raise outage.unavailable(fault) from fault
            await pause(
                full_jitter(
                    patience.tries,
                    base=outage.FIRST_PAUSE_SECONDS,
                    cap=outage.LONGEST_PAUSE_SECONDS,
                )
            )

    def close(self) -> None:
        """Close the connection."""
        self.line.close()
