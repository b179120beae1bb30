"""What waits for one slow client: of each job's progress the latest, of all else everything. Pure.

No frame overtakes another one. A progress is dropped when a newer event of its job comes: revisions
may have holes, steps may not.
"""

from collections import OrderedDict
from typing import Final

_PONG: Final = ""  # its place among the jobs: of several pings only the last need be answered
_OVERHEAD: Final = 128  # bytes to keep one more frame, besides its own


class Backlog:
    """Frames in the order in which they will be written."""

    __slots__ = ("_frames", "_number", "dropped", "size")

    def __init__(self) -> None:
        """Nothing waits."""
        # A job's progress under its id, everything else under a number of its own.
        self._frames: OrderedDict[str | int, bytes] = OrderedDict()
        self._number = 0
        self.size = 0  # bytes it keeps, were no frame shared with others
        self.dropped = 0  # progress that a newer event made superfluous

    def __len__(self) -> int:
        """Return how many frames wait."""
        return len(self._frames)

    def tell(self, job: str, frame: bytes, *, transition: bool) -> None:
        """Add an event of a job."""
        if self._drop(job):
            self.dropped += 1
        if transition:
            self.say(frame)
        else:
            self._add(job, frame)

    def say(self, frame: bytes) -> None:
        """Add anything else."""
        self._number += 1
        self._add(self._number, frame)

    def pong(self, frame: bytes) -> None:
        """Add the answer to a ping, in place of earlier ones."""
        self._drop(_PONG)
        self._add(_PONG, frame)

    def take(self, most: int) -> bytes:
        """Remove the first frames, `most` bytes or as much as one is more; return them as one."""
        frames: list[bytes] = []
        size = 0
        while self._frames and size < most:
            _, frame = self._frames.popitem(last=False)
            frames.append(frame)
            size += len(frame)
        self.size -= size + len(frames) * _OVERHEAD
        return b"".join(frames)

    def _add(self, key: str | int, frame: bytes) -> None:
        self._frames[key] = frame
        self.size += len(frame) + _OVERHEAD

    def _drop(self, key: str) -> bool:
        frame = self._frames.pop(key, None)
        if frame is None:
            return False
        self.size -= len(frame) + _OVERHEAD
        return True
