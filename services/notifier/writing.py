"""What goes out to one client: joined within a turn of the loop, thinned out while it is slow."""

import asyncio
import socket
from typing import Final

from services.notifier.backlog import Backlog
from services.notifier.bounds import Bounds
from services.notifier.flushing import Flusher
from services.notifier.tally import Tally
from shared.stream.merge import Event

# Unsent bytes that the kernel takes before it calls a socket full. Without it 3.9 MB of stale
# frames lay there before a slow client was noticed (measured).
_NOTSENT_LOWAT: Final = 16 * 1024
NEVER: Final = float("inf")


class Outlet:
    """Takes frames at any time; `pause` and `resume` say what the transport says."""

    __slots__ = (
        "_backlog",
        "_bounds",
        "_flusher",
        "_frames",
        "_paused",
        "_tally",
        "_transport",
        "slow_since",
    )

    def __init__(
        self, transport: asyncio.Transport, flusher: Flusher, tally: Tally, bounds: Bounds
    ) -> None:
        """Set the buffers of a new connection: small, so that what waits can be thinned out."""
        self.slow_since = NEVER
        self._transport = transport
        self._flusher = flusher
        self._tally = tally
        self._bounds = bounds
        self._frames = b""  # of this turn
        self._paused = False
        self._backlog: Backlog | None = None
        transport.set_write_buffer_limits(high=bounds.buffer_high, low=bounds.buffer_low)
        lowat = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        wire = transport.get_extra_info("socket")
        if lowat is not None and wire is not None and wire.family != socket.AF_UNIX:
            wire.setsockopt(socket.IPPROTO_TCP, lowat, _NOTSENT_LOWAT)

    @property
    def crowded(self) -> bool:
        """Whether so much waits that whole places of jobs had better be read later."""
        return self._backlog is not None and self._backlog.size >= self._bounds.crowded

    @property
    def waiting(self) -> int:
        """Bytes that wait for a slow client, besides the transport's buffer."""
        return 0 if self._backlog is None else self._backlog.size

    def tell(self, job: str, event: Event) -> bool:
        """Write an event of a job; False: too much waits, the connection must be closed."""
        tally = self._tally
        if event.transition:
            tally.transitions += 1
        else:
            tally.progress += 1
        backlog = self._backlog
        if backlog is None:
            # as `_join`, which is a call more
            if self._frames:
                return self._join(event.frame)
            self._frames = event.frame
            self._flusher.add(self)
            return True
        backlog.tell(job, event.frame, transition=event.transition)
        return backlog.size <= self._bounds.backlog

    def say(self, frame: bytes) -> bool:
        """Write anything else; False: as with `tell`."""
        if self._backlog is None:
            return self._join(frame)
        self._backlog.say(frame)
        return self._backlog.size <= self._bounds.backlog

    def pong(self, frame: bytes) -> None:
        """Write the answer to a ping; of those that wait only the last is kept."""
        if self._backlog is None:
            self._join(frame)
        else:
            self._backlog.pong(frame)

    def _join(self, frame: bytes) -> bool:
        if not self._frames:
            self._frames = frame
            self._flusher.add(self)
        else:
            self._frames += frame
            if len(self._frames) > self._bounds.buffer_high:
                self.flush()
        return True

    def flush(self) -> None:
        """Write what this turn has brought."""
        frames, self._frames = self._frames, b""
        if frames:
            self._transport.write(frames)

    def pause(self, now: float) -> None:
        """The client is slow: from now on what it gets is thinned out."""
        self._paused = True
        self.slow_since = now
        if self._backlog is None:
            self._backlog = Backlog()

    def resume(self) -> None:
        """It has caught up with the transport: write what waits, until it is slow again."""
        self._paused = False
        self.slow_since = NEVER
        self.flush()
        backlog = self._backlog
        while backlog and not self._paused:
            self._transport.write(backlog.take(self._bounds.buffer_high))
        if not self._paused:
            self._drop_backlog()

    def finish(self, frame: bytes) -> None:
        """Write the last frame, after what waits."""
        self.flush()
        if self._backlog:
            self._transport.write(self._backlog.take(self._backlog.size))
        self._drop_backlog()
        self._transport.write(frame)

    def forget(self) -> None:
        """Write nothing of what waits."""
        self._frames = b""
        self._drop_backlog()

    def _drop_backlog(self) -> None:
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            self._tally.conflated += backlog.dropped

    def end(self) -> None:
        """Close our side once everything is written."""
        # A socket closed with unread data is reset, and the reset may overtake the close frame:
        # what still comes is read and thrown away until the client leaves or is cut off.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
