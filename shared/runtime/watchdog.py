"""Ends a process whose event loop is stuck: a supervisor restarts it, and its leases run out.

It measures the loop's lag on the way.
"""

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Final

import structlog

INTERVAL_SECONDS: Final = 1.0
LOG_SECONDS: Final = 2.0  # the stuck thread may hold the log's lock
EXIT_STATUS: Final = 70  # EX_SOFTWARE of sysexits.h

log = structlog.get_logger()


class Watchdog:
    """A thread that asks a loop for a sign of life every second."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limit_seconds: float,
        interval_seconds: float = INTERVAL_SECONDS,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        """Describe it; `end` is called with the exit status once the loop is stuck."""
        self.lag_seconds = 0.0  # how late the last sign of life came
        self._loop = loop
        self._limit = limit_seconds
        self._interval = interval_seconds
        self._end = end
        self._stopped = threading.Event()
        self._answered = threading.Event()
        self._loop_thread = 0

    def start(self) -> None:
        """Begin; call it on the loop's own thread."""
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look away; before the loop is closed."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(self._interval):
            self._answered.clear()
            try:
                self._loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:  # the loop was closed before `stop`
                return
            if not self._hears_in_time() and not self._stopped.is_set():
                self._tell()
                self._end(EXIT_STATUS)
                return

    def _hears_in_time(self) -> bool:
        # Counted in short waits: a process that was stopped or starved as a whole (SIGSTOP, a
        # paused machine) comes back with one long wait and is not stuck.
        asked, waited = time.monotonic(), 0.0
        while waited < self._limit:
            step = min(self._interval, self._limit - waited)
            if self._answered.wait(step):
                self.lag_seconds = time.monotonic() - asked
                return True
            waited += step
            self.lag_seconds = waited
        return False

    def _tell(self) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the only way to see another thread
        stack = "".join(traceback.format_stack(frame)) if frame else "(gone)"
        facts = {"seconds": self._limit, "stack": stack}
        teller = threading.Thread(
            target=lambda: log.critical("event_loop_stuck", **facts), daemon=True
        )
        teller.start()
        teller.join(LOG_SECONDS)
