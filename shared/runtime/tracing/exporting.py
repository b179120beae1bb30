"""Spans on their way to a collector: gathered, and sent by a thread that nobody waits for.

What there is no room for is dropped and counted. A collector that is away costs its spans, and
nothing else: no request and no job ever waits for it.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from shared.runtime.spells import Spell
from shared.runtime.tracing.spans import Span

MOST_WAITING: Final = 8_192  # spans; about 10 MB
MOST_TOGETHER: Final = 512  # of one request; the usual batch of OpenTelemetry's own processor
INTERVAL_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 2.0

Send = Callable[[Sequence[Span]], None]

log = structlog.get_logger()


class CollectorAway(Exception):
    """A collector did not take what it was sent."""


class SpanExport:
    """Start it once the process will fork no more; `take` may be called before and after."""

    def __init__(
        self,
        send: Send,
        *,
        hang_up: Callable[[], None] = lambda: None,
        most_waiting: int = MOST_WAITING,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        """Send with `send`, which raises CollectorAway; `hang_up` cuts a `send` short."""
        self.exported = self.dropped = 0
        self._send = send
        self._hang_up = hang_up
        self._most_waiting = most_waiting
        self._interval = interval
        self._waiting: deque[Span] = deque()
        self._counting = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="waymark-spans", daemon=True)
        self._losing = Spell("spans_dropped", "spans_exported_again")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def take(self, span: Span) -> None:
        """Keep a span until it is sent; from any thread, at once."""
        if len(self._waiting) >= self._most_waiting or self._closing.is_set():
            self._drop(1, "too many wait")
            return
        self._waiting.append(span)
        if len(self._waiting) == MOST_TOGETHER:
            self._wake.set()

    def close(self, within: float = CLOSE_SECONDS) -> None:
        """Send what waits, for at most `within` seconds; may be called again."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(within)
        self._hang_up()
        if left := len(self._waiting):
            self._drop(left, "the service stops")

    def _work(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(self._interval)
            self._wake.clear()
            while self._waiting and self._send_some():
                continue

    def _send_some(self) -> bool:
        count = min(len(self._waiting), MOST_TOGETHER)
        spans = [self._waiting.popleft() for _ in range(count)]
        try:
            self._send(spans)
        except CollectorAway as fault:
            self._drop(count, str(fault))
            return False  # and not at once again: the next turn is soon enough
        except Exception:  # the outermost of this thread: a span of ours that cannot be written
            log.exception("spans_not_written", spans=count)
            self._drop(count, "they cannot be written")
            return True
        with self._counting:
            self.exported += count
        if len(self._waiting) < self._most_waiting // 2:  # else it is too slow, and not back
            self._losing.over(dropped=self.dropped)
        return True

    def _drop(self, count: int, why: str) -> None:
        with self._counting:
            self.dropped += count
        self._losing.met(why=why)
