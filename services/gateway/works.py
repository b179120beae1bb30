"""What runs beside the requests, for ever: a mistake in a work ends a round of it, not the work."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from services.gateway.housekeeping.household import Work
from services.gateway.metrics import Metrics
from shared.runtime.pacing import pause

RESTART_SECONDS: Final = 1.0
STOP_SECONDS: Final = 3.0

log = structlog.get_logger()


class Works:
    """Starts them all, begins anew what broke, stops them all; on one event loop."""

    def __init__(
        self, works: Sequence[Work], *, metrics: Metrics, restart_seconds: float = RESTART_SECONDS
    ) -> None:
        """Describe it; a work keeps what it knows where its next run finds it."""
        self._works = works
        self._metrics = metrics
        self._restart_seconds = restart_seconds
        self._tasks: list[asyncio.Task[None]] = []
        metrics.expect_works(work.__qualname__ for work in works)

    def start(self) -> None:
        """Begin; returns at once."""
        self._tasks = [
            asyncio.create_task(self._keep_going(work), name=work.__qualname__)
            for work in self._works
        ]

    async def stop(self) -> None:
        """Cancel them all; wait at most 3 s for their end."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    async def _keep_going(self, work: Work) -> None:
        while True:
            try:
                await work()
            except Exception:  # the outermost loop of everything that is no request
                self._metrics.work_broke(work.__qualname__)
                log.exception("background_work_broke", work=work.__qualname__)
            await pause(self._restart_seconds)
