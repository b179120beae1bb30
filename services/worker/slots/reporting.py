"""Progress on its way out of a slot: at most ten frames a second, the newest always, in 0.1 s."""

import threading
import time
from collections.abc import Callable
from typing import Final

from services.worker.authoring.progress import Update, encode
from services.worker.slots.wire import Progress

INTERVAL_SECONDS: Final = 0.1

Send = Callable[[Progress], None]


class Reporter:
    """Takes updates from any thread of a handler; one for all attempts of a child."""

    def __init__(self, send: Send) -> None:
        """Send frames with `send`, which may be called from two threads but not at once."""
        self._send = send
        self._lock = threading.Lock()
        self._alarm = threading.Event()
        self._flusher: threading.Thread | None = None
        self._latest: Update | None = None
        self._sent: Update | None = None
        self._armed = False
        self._due = 0.0
        self._number = 0

    @property
    def threads(self) -> int:
        """How many threads it has started."""
        return 0 if self._flusher is None else 1

    def begin(self) -> None:
        """Forget the last attempt."""
        with self._lock:
            self._latest = self._sent = None
            self._armed = False
            self._due = 0.0
            self._number = 0

    def put(self, update: Update) -> None:
        """Take the newest update; nearly free while one is waiting already."""
        self._latest = update
        if not self._armed:
            self._send_or_arm()

    def finish(self) -> None:
        """Send what is still waiting."""
        with self._lock:
            self._flush()

    def _send_or_arm(self) -> None:
        with self._lock:
            if self._armed:
                return
            if time.monotonic() >= self._due:
                self._flush()
                return
            self._armed = True
            if self._flusher is None:
                self._flusher = threading.Thread(
                    target=self._flush_when_due, name="waymark-progress", daemon=True
                )
                self._flusher.start()
        self._alarm.set()

    def _flush_when_due(self) -> None:
        pause = threading.Event()  # never set
        while True:
            self._alarm.wait()
            self._alarm.clear()
            pause.wait(max(0.0, self._due - time.monotonic()))
            with self._lock:
                if self._armed:
                    # Lowered before `_latest` is read: a later update arms again.
                    self._armed = False
                    self._flush()

    def _flush(self) -> None:
        latest = self._latest
        if latest is None or latest is self._sent:
            return
        self._number += 1
        self._send(Progress(self._number, encode(latest)))
        self._sent = latest
        self._due = time.monotonic() + INTERVAL_SECONDS
