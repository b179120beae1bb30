"""Raises a soft limit, a cancel or a shutdown in the handler: once, and in its own frames only.

A signal that finds our own code at work waits until that is left; one that comes after the handler
has returned is dropped. The reason travels in a frame, the signal only says that there is one.
Before a cancel is raised it is a flag for a while, raised only where the handler itself comes by.
"""

import asyncio
import inspect
import signal
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import FrameType
from typing import Any, Final

from services.worker.authoring.errors import Cancelled, Interruption, Shutdown, SoftTimeLimit
from services.worker.slots.terms import CANCEL_ASKED

SIGNAL: Final = signal.SIGRTMIN + 7  # unlikely to be anybody else's
REASONS: Final[dict[str, type[Interruption]]] = {
    "soft_limit": SoftTimeLimit,
    "cancelled": Cancelled,
    "shutdown": Shutdown,
}
_CANCELS: Final = frozenset({CANCEL_ASKED, "cancelled"})
# Frames around the handler's. One that is met before the handler's first is seen by `open`: Python
# runs signal handlers at few places, and there is none between its last look and that first frame.
_AROUND: Final = {__name__, "services.worker.slots.attempt"}

Fetch = Callable[[], list[str]]


class Guard:
    """Stands between the signal and the handler; for the main thread of a slot alone.

    `depth` > 0 while our own code runs inside the handler, between `enter` and `leave`.
    """

    def __init__(self, fetch: Fetch) -> None:
        """Get the reasons that have arrived from `fetch`, which must not block."""
        self.depth = 0
        self.pending: Interruption | None = None
        self.flagged = False
        self.cancelled = False
        self.seen = False  # the handler has asked, and was told that it is cancelled
        self.raised = False
        self._how: str | None = None
        self._fetch = fetch
        self._open = False
        self._told = False
        self._busy = False
        self._cancel_task: Callable[[], None] | None = None
        self._stepping = False

    @property
    def heeded(self) -> str | None:
        """How the handler learned that it is cancelled: "flag", "exception", None if not at all."""
        return self._how or ("flag" if self.seen else None)

    def open(self) -> None:
        """Begin: from here on an interruption may be raised.

        Raises:
            Interruption: one has arrived already.
        """
        self._open = True
        self._collect()
        self.poll()

    def shut(self) -> None:
        """End: nothing is raised any more."""
        self._open = False

    def enter(self) -> None:
        """Our own code begins, inside the handler: nothing is raised in it."""
        self.depth += 1

    def leave(self) -> None:
        """Our own code ends; `poll` comes next."""
        self.depth -= 1

    def poll(self) -> None:
        """Raise what was held back.

        Raises:
            Interruption: once in an attempt.
        """
        if not self._open or self.depth:
            return
        if self.pending is not None:
            raise self._take()
        if self.flagged:
            self._told = True
            raise self._take_flag()

    def on_signal(self, _number: int, frame: FrameType | None) -> None:
        """Handle the signal: raise, or remember it for `poll`."""
        if not self._open:
            return  # it came too late; before the first frame `open` looks for itself
        self._collect()
        if self.pending is None or self.depth:
            return
        if self._cancel_task is not None and not self._stepping:
            self._cancel_task()
        elif frame is not None and frame.f_globals.get("__name__") not in _AROUND:
            raise self._take()

    async def relay(self, coroutine: Coroutine[Any, Any, object]) -> object:
        """Await a handler; an interruption that finds it waiting is raised where it waits."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - says so to the type checker

        def cancel() -> None:
            if self._open and self.pending is not None:
                task.cancel()

        def ask() -> None:
            loop.call_soon_threadsafe(cancel)

        self._cancel_task = ask
        try:
            self.open()
            return await _Relayed(self, coroutine, task)
        finally:
            self.shut()
            self._cancel_task = None
            coroutine.close()

    def step(self, resume: Callable[[], object]) -> object:
        """Run the handler's coroutine to its next wait; during it a signal may raise."""
        self._stepping = True
        try:
            return resume()
        finally:
            self._stepping = False
            if self.pending is not None and self._cancel_task is not None:
                self._cancel_task()  # it came between the last frame of the step and here

    def translate(self, fault: BaseException, task: asyncio.Task[Any]) -> BaseException:
        """Return what to throw into the coroutine: ours, when it was our cancel."""
        if isinstance(fault, asyncio.CancelledError) and self.pending is not None:
            task.uncancel()
            return self._take()
        return fault

    def _collect(self) -> None:
        if self._busy:
            return  # a signal within a signal: the outer one is reading
        self._busy = True
        try:
            for reason in self._fetch():
                self._note(reason)
        finally:
            self._busy = False

    def _note(self, reason: str) -> None:
        self.cancelled = self.cancelled or reason in _CANCELS
        if self._told:
            return
        self.flagged = reason == CANCEL_ASKED
        if not self.flagged:
            self._told = True
            self.pending = REASONS[reason]()

    def _take(self) -> Interruption:
        taken, self.pending = self.pending, None
        assert taken is not None  # noqa: S101 - asked before
        self.raised = True
        self._how = "exception" if isinstance(taken, Cancelled) else None
        return taken

    def _take_flag(self) -> Interruption:
        self.flagged = False
        self.raised = True
        self._how = "flag"
        return Cancelled()


class _Relayed:
    """An awaitable that drives a coroutine by hand, so that we choose what is thrown into it."""

    def __init__(
        self, guard: Guard, coroutine: Coroutine[Any, Any, object], task: asyncio.Task[Any]
    ) -> None:
        self._guard = guard
        self._coroutine = coroutine
        self._task = task

    def __await__(self) -> Generator[Any, Any, object]:
        guard, coroutine = self._guard, self._coroutine
        resume = partial(coroutine.send, None)
        while True:
            try:
                waits_for = guard.step(resume)
            except StopIteration as stop:
                return stop.value
            except Interruption as struck:
                if inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
                    raise
                # A thread is struck without a look at its frame: `step`'s own is not the handler's.
                resume = partial(coroutine.throw, struck)
                continue
            try:
                yield waits_for
            except BaseException as caught:  # noqa: BLE001 - it is thrown on
                resume = partial(coroutine.throw, guard.translate(caught, self._task))
            else:
                resume = partial(coroutine.send, None)
