"""A broker that confirms at once, or fails as told."""

import asyncio
from collections.abc import Callable, Sequence

from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, WaymarkError


class FakePublisher:
    """Keeps `ports.CommandPublisher` in memory; `sent` has (message, delay in ms)."""

    def __init__(self) -> None:
        self.sent: list[tuple[RunJob, int]] = []
        self.failure: Exception | None = None
        self.frozen = False
        self.fails: Callable[[RunJob], bool] = lambda _message: False
        self.ready = True

    async def publish(self, message: RunJob) -> None:
        await self.publish_later(message, delay_ms=0)

    async def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        if self.frozen:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        if self.fails(message):
            raise BrokerUnavailable
        self.sent.append((message, delay_ms))

    async def publish_many(
        self, messages: Sequence[tuple[RunJob, int]]
    ) -> Sequence[WaymarkError | None]:
        return [await self._fate(message, delay_ms) for message, delay_ms in messages]

    async def _fate(self, message: RunJob, delay_ms: int) -> WaymarkError | None:
        try:
            await self.publish_later(message, delay_ms=delay_ms)
        except WaymarkError as fault:
            return fault
        return None
