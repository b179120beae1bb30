"""All connections of this process: what they share, who is there, and when each is woken."""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Collection, Sequence
from typing import Final, Protocol
from uuid import uuid4

import structlog

from services.notifier.arrivals import Arrivals
from services.notifier.bounds import Bounds
from services.notifier.door import Door, Newcomer, Threshold
from services.notifier.draining import Drain, Guest, Haste
from services.notifier.effects import FEED, CatchUp, Locate, Watch, WatchFeed, Wish
from services.notifier.flushing import Flusher
from services.notifier.lag import TICK_SECONDS, Lag
from services.notifier.latency import Latency
from services.notifier.lines import tell_watched
from services.notifier.rules import Admit, Rules
from services.notifier.session import Session
from services.notifier.tally import Tally
from services.notifier.wheel import SLOT_SECONDS, Wheel
from services.notifier.wire import text_frame
from services.notifier.writing import Outlet
from shared.ports import AsyncJobStore, EventFeed
from shared.runtime.pacing import pause
from shared.stream.audience import Follower
from shared.stream.switchboard import Switchboard
from shared.stream.thin import PROGRESS_SECONDS

log = structlog.get_logger()

Origins = Sequence[str | re.Pattern[str] | None]
LATE_PROGRESS_SECONDS: Final = 1.0  # between the progress of a job while the loop is late
_AGES: Final = (0.9, 1.1)  # of the highest: what was opened together is not closed together
_OPEN: Final = Threshold()
_USUAL: Final = Haste()
DEVELOPMENT_ORIGINS: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")


class Sleeper(Protocol):
    """Who wants to be woken."""

    def wake(self, now: float) -> None:
        """Its time has come, or may have."""


class Hub:
    """One per process; `protocol.py` makes a connection of each socket that reaches it."""

    def __init__(
        self,
        store: AsyncJobStore,
        feed: EventFeed,
        *,
        admit: Admit,
        rules: Rules,
        bounds: Bounds,
        origins: Sequence[str],
        threshold: Threshold = _OPEN,
        haste: Haste = _USUAL,
    ) -> None:
        """`origins`: whose pages may connect; none named: any port of localhost."""
        self.guests: set[Guest] = set()
        self.door = Door(threshold, now=self.now())
        self.drain = Drain(haste, self.guests, close_door=self._close_door, now=self.now)
        self.bounds = bounds
        self.tally = Tally()
        self.flusher = Flusher()
        self.arrivals = Arrivals()
        self.lag = Lag()
        self.latency = Latency(self.flusher, time.time)
        self.switchboard = Switchboard(
            store, feed, wrap=text_frame, on_told=self.latency.told, on_first=tell_watched
        )
        self.slow: set[Outlet] = set()
        # None: who sends no Origin is no browser, and has no cookie to be abused.
        self.origins: Origins = (None, *(origins or (DEVELOPMENT_ORIGINS,)))
        self.admit = admit
        self.rules = rules
        self._wheel: Wheel[Sleeper] = Wheel(self.now())
        self._turning: asyncio.Task[None] | None = None
        self._asking_for_lag: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Seconds, monotonic."""
        return asyncio.get_running_loop().time()

    async def start(self) -> None:
        """Begin to wake and to read; connections may come from now on."""
        await self.switchboard.start()
        self._turning = asyncio.create_task(self._turn(), name="wheel")
        self._listen_to_lag(self.now())

    async def close(self) -> None:
        """Stop; the connections must be gone."""
        if self._asking_for_lag is not None:
            self._asking_for_lag.cancel()
        if self._turning is not None:
            self._turning.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._turning
        await self.switchboard.close()

    def enter(self, guest: Guest, newcomer: Newcomer) -> Session:
        """Count in a connection that was just accepted, and return its session."""
        self.guests.add(guest)
        self.tally.connections += 1
        return Session(
            name=uuid4().hex[:16],
            rules=self.rules,
            admit=self.admit,
            now=self.now(),
            seat=newcomer.enter(),
            age=random.uniform(*_AGES),  # noqa: S311 - no secret
        )

    def leave(self, guest: Guest, session: Session, why: str) -> None:
        """Count it out, once; `why`: our code, "client" or "lost"."""
        session.leave()
        self.guests.discard(guest)
        self.tally.connections -= 1
        self.tally.closed[why] += 1

    def arrange(self, tenant: str, wish: Wish, watcher: Follower) -> None:
        """Let a watcher hear what it wants to hear."""
        board = self.switchboard
        if isinstance(wish, Watch):
            board.watch(tenant, wish.job, watcher, after_step=wish.after_step)
        elif isinstance(wish, Locate):
            board.locate(tenant, wish.job, watcher, after_step=wish.after_step)
        elif isinstance(wish, WatchFeed):
            board.watch_feed(tenant, watcher, after=wish.after)
        elif isinstance(wish, CatchUp):
            board.catch_up(tenant, watcher, after=wish.after)
        elif wish.job == FEED:
            board.unwatch_feed(tenant, watcher)
        else:
            board.unwatch(tenant, wish.job, watcher)

    def revoke(self, keys: Collection[str]) -> None:
        """Close what lives by tokens of these API keys."""
        for guest in tuple(self.guests):
            guest.revoked(keys)

    def wake(self, sleeper: Sleeper, at: float) -> float:
        """Call `sleeper.wake` soon after `at`; return when at the latest."""
        return self._wheel.add(sleeper, at)

    def _close_door(self) -> None:
        self.door.closed = True

    def _listen_to_lag(self, expected: float) -> None:
        self.lag.note(self.now() - expected)
        self.switchboard.thinner.every = (
            LATE_PROGRESS_SECONDS if self.lag.is_late else PROGRESS_SECONDS
        )
        self.door.overloaded = self.lag.is_overloaded
        at = self.now() + TICK_SECONDS
        loop = asyncio.get_running_loop()
        self._asking_for_lag = loop.call_at(at, self._listen_to_lag, at)

    async def _turn(self) -> None:
        while True:
            await pause(SLOT_SECONDS)
            now = self.now()
            for sleeper in self._wheel.due(now):
                try:
                    sleeper.wake(now)
                except Exception:  # the outermost loop of every connection's time
                    log.exception("wake_failed")
