"""Thins out the progress of each job; transitions pass. Pure: time comes with the call."""

from collections import OrderedDict
from typing import Final, Generic, TypeVar

import msgspec

from shared.stream.merge import Event

PROGRESS_SECONDS: Final = 0.1  # at most 10 frames a second and job

Key = TypeVar("Key")


class _Pace(msgspec.Struct):
    next_at: float  # when the next progress may pass
    latest: Event | None = None


class Thinner(Generic[Key]):
    """Lets one progress a key pass each `every` seconds and keeps the latest of the rest.

    A transition pushes out what is kept before it, so that the last progress of an attempt is
    seen: that one may come early.
    """

    def __init__(self, every: float = PROGRESS_SECONDS) -> None:
        """Nothing is kept yet; `every` may be changed at any time."""
        self.every = every
        self.thinned = 0  # progress that a newer one made superfluous
        # In the order of `next_at`, but for what was begun before `every` was changed.
        self._paces: OrderedDict[Key, _Pace] = OrderedDict()

    def offer(self, key: Key, event: Event, now: float) -> tuple[Event, ...]:
        """Return what passes now, in order."""
        pace = self._paces.get(key)
        if event.transition:
            kept = pace.latest if pace else None
            if pace is not None:
                pace.latest = None
            return (event,) if kept is None else (kept, event)
        if pace is None or now >= pace.next_at:
            self._begin(key, now)
            return (event,)
        self.thinned += pace.latest is not None
        pace.latest = event
        return ()

    def due(self, now: float) -> list[tuple[Key, Event]]:
        """Return what was kept and may pass now; forget who has been quiet."""
        passing: list[tuple[Key, Event]] = []
        while self._paces:
            key, pace = next(iter(self._paces.items()))
            if now < pace.next_at:
                break
            if pace.latest is None:
                del self._paces[key]
            else:
                passing.append((key, pace.latest))
                self._begin(key, now)
        return passing

    @property
    def idle(self) -> bool:
        """Whether nothing is kept, so that nobody needs to ask `due`."""
        return not self._paces

    def _begin(self, key: Key, now: float) -> None:
        self._paces[key] = _Pace(now + self.every)
        self._paces.move_to_end(key)
