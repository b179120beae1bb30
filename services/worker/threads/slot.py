"""One attempt in a thread, from both its sides: the handler's and that of who watches it."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Final

import structlog

from services.worker.authoring.context import occupy_thread
from services.worker.authoring.progress import Update, encode
from services.worker.slots import attempt
from services.worker.slots.reporting import INTERVAL_SECONDS
from services.worker.slots.running import Running, started_now
from services.worker.slots.terms import (
    Assignment,
    Called,
    Died,
    Raised,
    Reported,
    Returned,
    Saved,
    SlotEvent,
)
from services.worker.slots.wire import Call, Checkpoint
from services.worker.threads.guard import ThreadGuard

_DIED: Final = Died(signal=None, exit_code=None, peak_rss=0)
_REFUSED: Final = Died(signal=None, exit_code=None, peak_rss=0, refused=True)

log = structlog.get_logger()


class ThreadSlot:
    """Keeps `terms.Slot`; `carry_out` is for the handler's thread, the rest for the watcher's.

    Only the newest progress and checkpoint are kept, and fetched at most ten times a second: a
    handler that tells a lot fills no queue.
    """

    def __init__(
        self, assignment: Assignment, *, patience: float, let_go: Callable[["ThreadSlot"], None]
    ) -> None:
        """Describe it; a claim older than `patience` (seconds) is refused.

        `let_go` is told when nobody waits for the handler any more.
        """
        self.assignment = assignment
        self.left = False
        self._patience = patience
        self._let_go = let_go
        self._changing = threading.Lock()
        self._guard: ThreadGuard | None = None
        self._asked: list[str] = []
        self._latest: Update | None = None
        self._told: Update | None = None
        self._number = 0
        self._checkpoint: str | None = None
        self._calls: deque[Called] = deque()
        self._last: SimpleQueue[Returned | Raised | Died] = SimpleQueue()
        self._end: Returned | Raised | Died | None = None
        self._due = 0.0
        self._over = False

    def carry_out(self) -> Returned | Raised | Died:
        """Run the handler in this thread; raises nothing."""
        if self.left or time.monotonic() - self.assignment.sent_at > self._patience:
            return _REFUSED
        try:
            return Context().run(self._run)  # what a handler leaves in it is gone with it
        except Exception:
            log.exception("thread_slot_broke", job_id=self.assignment.job)
            return _DIED

    def end(self, how: Returned | Raised | Died) -> None:
        """Tell the watcher; the last word of the handler's thread."""
        self._last.put(how)

    def next_event(self, timeout: float) -> SlotEvent | None:
        """Wait up to `timeout` seconds for what comes next; see `terms.Slot`."""
        if self._over:
            return None
        deadline = time.monotonic() + timeout
        while True:
            now = time.monotonic()
            news = self._news(now)
            if news is not None:
                return news
            if self._end is not None:
                self._over = True
                return self._end
            left = max(0.0, deadline - now)
            if not self._await_end(min(left, INTERVAL_SECONDS)) and not left:
                return None

    def interrupt(self, reason: str) -> None:
        """Raise once in the handler, when it next runs Python."""
        with self._changing:
            self._asked.append(reason)
            guard = self._guard
        if guard is not None:
            guard.interrupt(reason)

    def terminate(self) -> None:
        """Do nothing: the signal would be the worker's."""

    def kill(self) -> None:
        """Let go of the handler: a thread cannot be killed.

        It is told to stop, if it was not yet, and runs on until it does: without a lease, so that
        nothing it says is written any more.
        """
        if self._over or self.left:
            return
        self.left = True
        self._latest = self._told = self._checkpoint = None
        self.interrupt("shutdown")
        self._let_go(self)
        self._last.put(_DIED)

    def _run(self) -> Returned | Raised:
        guard = ThreadGuard()
        running = Running(
            self.assignment, guard=guard, put=self._put, send=self._save, now=started_now()
        )
        with self._changing:
            self._guard = guard
            asked = list(self._asked)
        for reason in asked:
            guard.interrupt(reason)
        occupy_thread(running)
        return attempt.run(self.assignment, guard)

    def _put(self, update: Update) -> None:
        self._latest = update

    def _save(self, frame: Checkpoint | Call) -> None:
        if isinstance(frame, Call):
            self._calls.append(frame.called)
        else:
            self._checkpoint = frame.data

    def _await_end(self, seconds: float) -> bool:
        try:
            self._end = self._last.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _news(self, now: float) -> SlotEvent | None:
        if self.left:
            return None
        saved, self._checkpoint = self._checkpoint, None
        if saved is not None:
            return Saved(saved)
        if self._calls:
            return self._calls.popleft()
        latest = self._latest
        if latest is self._told or latest is None or (now < self._due and self._end is None):
            return None
        self._told = latest
        self._due = now + INTERVAL_SECONDS
        self._number += 1
        return Reported(self._number, encode(latest))
