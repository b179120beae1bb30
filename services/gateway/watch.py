"""Follow one job as a plain async iterator: for a long-poll or for server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from shared.stream.merge import Cursor, Event, Track
from shared.stream.place import Place
from shared.stream.switchboard import Switchboard

HELD_FRAMES: Final = 2_000  # more than a job's steps; who falls further behind starts over


class NoSuchJobError(Exception):
    """The store does not know the job."""


class _Reader:
    """A `Watcher` whose frames are taken one by one."""

    def __init__(self, switchboard: Switchboard, tenant: str, cursor: Cursor | None) -> None:
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by `_keep`
        self.track = Track(cursor)
        self._switchboard = switchboard
        self._tenant = tenant

    def happened(self, job: str, event: Event) -> None:
        was_syncing = self.track.syncing
        self._keep(job, self.track.happened(event))
        if self.track.syncing and not was_syncing:
            self._ask(job)

    def placed(self, job: str, place: Place | None) -> None:
        if place is None:
            self.frames.put_nowait(None)
            return
        self._keep(job, self.track.placed(place))
        if self.track.syncing:
            self._ask(job)

    def disturbed(self, job: str) -> None:
        self.track.resync()
        self._ask(job)

    def _keep(self, job: str, frames: Iterable[bytes]) -> None:
        if self.frames.qsize() > HELD_FRAMES:
            while not self.frames.empty():
                self.frames.get_nowait()
            self.track = Track(None)
            self._ask(job)
            return
        for frame in frames:
            self.frames.put_nowait(frame)

    def _ask(self, job: str) -> None:
        self._switchboard.locate(self._tenant, job, self, after_step=self.track.after_step)


async def watch(
    switchboard: Switchboard, tenant: str, job: str, cursor: Cursor | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield the frames of DESIGN section 6 for one job: what was missed, `live`, what comes.

    From `cursor` on, or from a snapshot. It never ends by itself, also not while the store is
    away: the caller has the deadline. Close it (`aclosing`) to stop watching.

    Raises:
        NoSuchJobError: the store does not know the job.
    """
    reader = _Reader(switchboard, tenant, cursor)
    switchboard.watch(tenant, job, reader, after_step=reader.track.after_step)
    try:
        while True:
            frame = await reader.frames.get()
            if frame is None:
                raise NoSuchJobError
            yield frame
    finally:
        switchboard.unwatch(tenant, job, reader)
