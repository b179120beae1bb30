"""SIGTERM and SIGINT become events: the first asks to stop, the second to hurry.

For processes that do not let uvicorn handle their signals.
"""

import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """What the process has been told; usable from every thread."""

    def __init__(self) -> None:
        """Nobody has asked yet, and no handler is installed."""
        self.asked = threading.Event()
        self.hurried = threading.Event()
        # Event.set() inside a signal handler can deadlock with a wait() that it interrupts;
        # a SimpleQueue's put is made for it.
        self._heard: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._listeners: list[Callable[[], None]] = []

    def install(self) -> None:
        """Handle the signals from now on; in the main thread, once."""
        threading.Thread(target=self._listen, name="shutdown", daemon=True).start()
        for number in _SIGNALS:
            signal.signal(number, self._hear)

    def when_told(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each signal, in a thread of its own: it must not block.

        For a loop: `when_told(lambda: loop.call_soon_threadsafe(...))`.
        """
        self._listeners.append(listener)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._heard.put(number)

    def _listen(self) -> None:
        while True:
            self._heard.get()
            (self.hurried if self.asked.is_set() else self.asked).set()
            for listener in self._listeners:
                listener()
