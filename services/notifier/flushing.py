"""Who has something to write: each once a turn of the loop, and not all of them at a stretch."""

import asyncio
from collections import deque
from typing import Final, Protocol

import structlog

MOST_WRITES: Final = 500  # at about 6 µs each
MOST_SECONDS: Final = 0.004  # then others have a turn
_LOOK_EVERY: Final = 32  # writes

log = structlog.get_logger()


class Flushed(Protocol):
    """Something with writes of its own."""

    def flush(self) -> None:
        """Write what there is."""


class Flusher:
    """One per process. What is told to a connection within a turn is one write."""

    def __init__(self) -> None:
        """Nobody has anything to write."""
        self._dirty: deque[Flushed] = deque()  # bounded by the connections
        self._is_due = False

    def add(self, one: Flushed) -> None:
        """Flush `one` in the loop's next turn, or as soon as those before it were."""
        self._dirty.append(one)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + MOST_SECONDS
        for count in range(1, MOST_WRITES + 1):
            if not self._dirty:
                self._is_due = False
                return
            one = self._dirty.popleft()
            try:
                one.flush()
            except Exception:  # the outermost loop of all writes: one is not all
                log.exception("flush_failed")
            if count % _LOOK_EVERY == 0 and loop.time() > ends:
                break
        loop.call_soon(self._flush)
