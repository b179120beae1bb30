"""The client rule of the stream, and one watcher's place in one job's history. Pure.

A `Track` lives between two states. *Syncing*: its place is being read, what happens meanwhile is
held. *Live*: what happens is judged by the rule and handed on. What does not fit need not be kept:
it was published before the reading that it makes necessary. A fresh subscription, a resume, a
reconnect to Redis and a found gap all go the same way: syncing, `placed`, live.
"""

from enum import Enum
from typing import Final

import msgspec

from shared.stream.place import Place


class Cursor(msgspec.Struct, frozen=True):
    """How far a watcher has seen one job."""

    epoch: str
    revision: int
    step: int


class Event(msgspec.Struct, frozen=True):
    """One thing that happened to a job; `frame` is handed on as it is."""

    epoch: str
    revision: int
    step: int
    transition: bool
    frame: bytes
    seq: int = 0  # the tenant's count
    cursor: Cursor | None = None  # where it brings a watcher: one for all of them

    def __post_init__(self) -> None:
        """Make the cursor."""
        cursor = Cursor(self.epoch, self.revision, self.step)
        msgspec.structs.force_setattr(self, "cursor", cursor)


class Verdict(Enum):
    """What the rule says of an event."""

    APPLY = "apply"
    DROP = "drop"
    RESYNC = "resync"


def judge(cursor: Cursor | None, event: Event) -> Verdict:
    """Apply DESIGN section 6, "the client rule"."""
    if cursor is None or event.epoch != cursor.epoch:
        return _RESYNC
    if event.revision <= cursor.revision:
        return _DROP
    expected = cursor.step + 1 if event.transition else cursor.step
    return _APPLY if event.step == expected else _RESYNC


# Looking up a member costs as much as the rest of a verdict.
_APPLY: Final = Verdict.APPLY
_DROP: Final = Verdict.DROP
_RESYNC: Final = Verdict.RESYNC
_NOTHING: Final[tuple[bytes, ...]] = ()


class Track:
    """One watcher on one job, from `cursor` on (None: from a snapshot). Begins syncing."""

    __slots__ = ("_announce", "_held", "_recovered", "_whole", "cursor")

    def __init__(self, cursor: Cursor | None) -> None:
        """Nothing is known yet but where the watcher says it is."""
        self.cursor = cursor
        self._held: list[Event] | None = []
        self._whole = False  # the cursor cannot be resumed from: read the job from step 1
        self._announce = True
        self._recovered = cursor is not None

    @property
    def syncing(self) -> bool:
        """Whether it waits for `placed`."""
        return self._held is not None

    @property
    def after_step(self) -> int:
        """From where on the steps must be read for the next `placed`."""
        return 0 if self.cursor is None or self._whole else self.cursor.step

    def resync(self) -> None:
        """Events may have been lost: wait for `placed`."""
        if self._held is None:
            self._held = []

    def hears(self, event: Event) -> Verdict:
        """Say what becomes of an event: APPLY, the watcher gets it; RESYNC, it was live until now.

        An event that is held until `placed` is a DROP here, too.
        """
        if self._held is not None:
            self._hold(event)
            return _DROP
        verdict = judge(self.cursor, event)
        if verdict is _APPLY:
            self.cursor = event.cursor
        elif verdict is _RESYNC:
            self._held = []
        return verdict

    def happened(self, event: Event) -> tuple[bytes, ...]:
        """Return what the watcher gets; syncing afterwards, when it was not before: a gap."""
        return (event.frame,) if self.hears(event) is _APPLY else _NOTHING

    def placed(self, place: Place, *, upto: int | None = None) -> list[bytes]:
        """Return what the watcher gets; still syncing afterwards: read the place again.

        `upto`: it gets what comes after this `seq` by another way, and is `told` of that.
        """
        if self._held is None:
            return []
        frames = self._catch_up(place, upto)
        if frames is None:
            self._whole = True
            return []
        self._whole = False
        if upto is not None:
            self._held = [event for event in self._held if event.seq <= upto]
        self._merge(frames)
        if not self.syncing and self._announce:
            frames.append(place.live(recovered=self._recovered))
            self._announce, self._recovered = False, True
        return frames

    def missing(self) -> None:
        """There is no such job (any more); should it come back, it begins with a snapshot.

        Still syncing afterwards: read the place again.
        """
        self.cursor = None
        # What was held happened, perhaps after the reading: then it is read again.
        self._held = [] if self._held else None

    def told(self, event: Event) -> None:
        """The watcher got this one by another way."""
        cursor = self.cursor
        if self._held is None and cursor is not None and event.revision > cursor.revision:
            self.cursor = event.cursor

    def _catch_up(self, place: Place, upto: int | None) -> list[bytes] | None:
        cursor = self.cursor
        if cursor is not None and cursor.epoch == place.epoch:
            if upto is not None:
                early = place.since_until(cursor.revision, cursor.step, upto)
                if early is not None:
                    self.cursor = Cursor(place.epoch, early.revision, early.step)
                    return early.frames
            elif (missed := place.since(cursor.revision, cursor.step)) is not None:
                self.cursor = Cursor(place.epoch, place.revision, place.step)
                return missed
        if self.after_step:
            return None
        self.cursor = Cursor(place.epoch, place.revision, place.step)
        self._announce, self._recovered = True, False
        return [place.snapshot()]

    def _merge(self, frames: list[bytes]) -> None:
        held, self._held = self._held or [], None
        for event in held:
            verdict = judge(self.cursor, event)
            if verdict is _APPLY:
                self.cursor = event.cursor
                frames.append(event.frame)
            elif verdict is _RESYNC:
                self._held = []
                return

    def _hold(self, event: Event) -> None:
        held = self._held
        if held is None:
            return
        if held and not event.transition and not held[-1].transition:
            held[-1] = event  # so what is held is bounded by the steps of a job
        else:
            held.append(event)
