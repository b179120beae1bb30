"""What lives on the house loop: heartbeats, announcements, nudges, the publisher, the probes."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from starlette.types import ASGIApp

from services.worker.announce import Announcer
from services.worker.heartbeat import Pulse
from services.worker.house.nudges import Nudges
from services.worker.house.store_watch import Pings, watch_store
from services.worker.intake.gate import Intake
from services.worker.intake.pauses import PauseWatch
from shared.runtime.serving import Served
from shared.runtime.watchdog import Watchdog

CANCEL_SECONDS: Final = 3.0
RESIDENTS: Final = ("heartbeat", "announce", "nudges", "store watch", "pauses", "store keeping")

log = structlog.get_logger()


class Closes(Protocol):
    """Something with connections."""

    async def close(self) -> None:
        """Let go of them."""


class Starts(Closes, Protocol):
    """Something that must be told to begin."""

    async def start(self) -> None:
        """Begin; returns at once."""


class Follows(Protocol):
    """Something that keeps itself up to date."""

    async def follow(self) -> None:
        """Do so, for ever."""


class ClosesAndPings(Pings, Closes, Protocol):
    """A store with connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Households:
    """Who moves in."""

    publisher: Starts
    store: ClosesAndPings
    keeping: Follows
    registry: Closes
    pulse: Pulse
    announcer: Announcer
    pauses: PauseWatch
    pause_board: Closes
    nudges: Nudges
    intake: Intake


class Residents:
    """Moves them in and out; both on the loop."""

    def __init__(
        self,
        who: Households,
        *,
        watchdog_seconds: float,
        broke: Callable[[str], None],
    ) -> None:
        """Describe it; `broke` hears the name of a resident that ended: a bug."""
        self._who = who
        self._watchdog_seconds = watchdog_seconds
        self._broke = broke
        self._tasks: list[asyncio.Task[None]] = []
        self._served: Served | None = None
        self._watchdog: Watchdog | None = None

    async def move_in(self, app: ASGIApp, listener: socket.socket) -> None:
        """Start them all; `app` is served on `listener`."""
        who = self._who
        loop = asyncio.get_running_loop()
        self._watchdog = Watchdog(loop, limit_seconds=self._watchdog_seconds)
        self._watchdog.start()
        await who.publisher.start()
        works = (
            who.pulse.run(),
            who.announcer.run(),
            who.nudges.run(),
            watch_store(who.store, who.pauses, who.intake),
            who.pauses.follow(),
            who.keeping.follow(),
        )
        self._tasks = [
            asyncio.create_task(self._guard(work, name), name=name)
            for name, work in zip(RESIDENTS, works, strict=True)
        ]
        self._served = Served(app, listener)
        await self._served.start()

    async def move_out(self) -> None:
        """Stop them all, and let the registry forget the worker."""
        who = self._who
        if self._watchdog is not None:
            self._watchdog.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CANCEL_SECONDS)
        await who.announcer.forget()
        await who.publisher.close()
        await who.registry.close()
        await who.pause_board.close()
        await who.store.close()
        if self._served is not None:
            await self._served.stop()

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            log.exception("resident_broke", resident=name)
            self._broke(name)
