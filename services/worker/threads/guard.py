"""Raises an interruption in the thread of a handler: once, and never anywhere else.

`PyThreadState_SetAsyncExc` raises wherever the thread is, so what counts is when it is armed:

- One guard serves one attempt and arms once in its life, under its lock, and only while the
  handler's own frames run: not while `depth` > 0 and not after `shut`.
- Whoever enters our own code or leaves the handler takes the same lock and disarms what has not
  struck yet; what has, took `pending` with it. After `shut` nothing is armed and nothing can be,
  so neither the settling of this attempt nor the thread's next one is ever hit.
- Python looks for an armed exception at calls and at jumps back: so there is none between taking
  the lock and disarming, which is why those two lines are written out each time.
- A strike in the few instructions before that lock has hit the handler's last line: it comes out
  of the call like any other. The lock is reentrant, and who has armed never takes it again, so
  even a strike that kept it from being released would block nobody.

A call that blocks outside of Python is not interrupted: the exception waits until it returns.
"""

import ctypes
import threading
from collections.abc import Callable

from services.worker.authoring.errors import Interruption
from services.worker.slots.interrupts import REASONS, Guard
from services.worker.slots.terms import CANCEL_ASKED

_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc


class ThreadGuard(Guard):
    """Stands between one attempt and whoever interrupts it; built in the thread of the handler."""

    def __init__(self) -> None:
        """Guard the thread that calls."""
        super().__init__(list)
        self._lock = threading.RLock()
        self._chance = threading.Lock()  # taken once and never given back
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._armed = False

    def interrupt(self, reason: str) -> None:
        """Raise `reason` in the handler, unless something was raised before; for any thread."""
        self.cancelled = self.cancelled or reason in {CANCEL_ASKED, "cancelled"}
        if reason == CANCEL_ASKED:
            self.flagged = True
            return
        if not self._chance.acquire(blocking=False):
            return
        with self._lock:
            self.pending = REASONS[reason]()
            if not self._open or self.depth:
                return  # `open` or `poll` raises it
            if self._cancel_task is not None and not self._stepping:
                self._cancel_task()
                return
            self._armed = True
            _set_exception(self._thread, ctypes.py_object(_strike(self._take)))

    def open(self) -> None:
        """Begin: from here on an interruption may be raised.

        Raises:
            Interruption: one has arrived already.
        """
        with self._lock:
            self._open = True
        self.poll()

    def shut(self) -> None:
        """End: nothing is raised any more."""
        with self._lock:
            self._open = False
            if self._armed:
                _set_exception(self._thread, None)

    def enter(self) -> None:
        """Nothing is raised before `leave`."""
        with self._lock:
            self.depth += 1
            if self._armed:
                _set_exception(self._thread, None)

    def leave(self) -> None:
        """Undo `enter`; `poll` comes next."""
        with self._lock:
            self.depth -= 1

    def poll(self) -> None:
        """Raise what was held back.

        Raises:
            Interruption: once in an attempt.
        """
        with self._lock:
            if self._armed:
                _set_exception(self._thread, None)
            may = self._open and self.depth == 0
            due = may and self.pending is not None
            heeds = may and not due and self.flagged and self._chance.acquire(blocking=False)
        if due:
            raise self._take()
        if heeds:
            raise self._take_flag()

    def step(self, resume: Callable[[], object]) -> object:
        """Run the handler's coroutine to its next wait; during it an interruption may strike."""
        with self._lock:
            self._stepping = True
        try:
            return resume()
        finally:
            with self._lock:
                self._stepping = False
                if self._armed:
                    _set_exception(self._thread, None)
                if self.pending is not None and self._cancel_task is not None:
                    self._cancel_task()


def _strike(take: Callable[[], Interruption]) -> type[BaseException]:
    """Return a class that gives `take()` when it is instantiated, which is when it strikes."""

    class Strike(BaseException):
        def __new__(cls) -> BaseException:  # type: ignore[misc]  # the waiting one itself
            return take()

    return Strike
