"""A broker that confirms at once, or fails as told."""

import asyncio

from shared.contracts.commands import RunJob


class FakePublisher:
    """Keeps `ports.CommandPublisher` in memory; `sent` has (message, delay in ms)."""

    def __init__(self) -> None:
        self.sent: list[tuple[RunJob, int]] = []
        self.failure: Exception | None = None
        self.frozen = False
        self.ready = True

    async def publish(self, message: RunJob) -> None:
        await self.publish_later(message, delay_ms=0)

    async def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        if self.frozen:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        self.sent.append((message, delay_ms))
