"""One watcher's place in a tenant's feed. Pure.

Everything goes out in the order of its `seq`: whoever has got a frame has got every transition
before it, so that the highest `seq` is a cursor. As a `Track` does, it holds what happens while it
is being read what was missed; and also while the place of a job is read that the same client
follows by itself: those frames come first.
"""

from collections.abc import Sequence
from typing import Final

from shared.contracts.feed import Loss
from shared.contracts.listing import FeedPlace
from shared.stream.feed_place import Chapter, JobEvent
from shared.stream.merge import Event

MOST_HELD: Final = 2_000  # events; beyond it they are read from the store after all


class FeedTrack:
    """From `cursor` on (None: from where the feed stands). Begins by waiting for `read`."""

    __slots__ = (
        "_announced", "_held", "_jobs", "_recovered", "_too_many", "begun", "epoch", "lost",
        "reading", "seq",
    )  # fmt: skip

    def __init__(self, cursor: FeedPlace | None) -> None:
        """Nothing is known yet but where the watcher says it is."""
        self.begun = cursor is not None  # from its place on it tells everything
        self.epoch = cursor.epoch if cursor else ""
        self.seq = cursor.seq if cursor else 0
        self.reading = True  # waits for `read`
        self.lost: Loss | None = None  # what the last `read` has found
        self._recovered = self.begun
        self._announced = False
        self._jobs: set[str] = set()
        self._held: list[JobEvent] = []
        self._too_many = False

    @property
    def cursor(self) -> FeedPlace | None:
        """From where on the next `read` is needed; None: only where the feed stands."""
        return FeedPlace(self.epoch, self.seq) if self.begun else None

    @property
    def holding(self) -> bool:
        """Whether what happens has to wait."""
        return self.reading or bool(self._jobs)

    def resync(self) -> None:
        """Events may have been lost: wait for `read`."""
        self.reading = True

    def wait_for(self, job: str) -> None:
        """The place of this job is being read: its frames come before what happens now."""
        self._jobs.add(job)

    def got(self, job: str) -> Sequence[JobEvent]:
        """The frames of this job were handed on; return what can go out now."""
        self._jobs.discard(job)
        return self._release()

    def happened(self, job: str, event: Event) -> Sequence[JobEvent]:
        """Return what goes out; reading afterwards, when it was not before: another epoch."""
        if self.holding:
            self._hold(job, event)
            return ()
        return self._pass(((job, event),))

    def read(self, chapter: Chapter) -> Sequence[JobEvent]:
        """Return what goes out, if nothing was lost; still reading afterwards: read on."""
        self.lost = chapter.loss if self.begun else None
        if self.lost or not self.begun:
            self.begun, self._announced, self._recovered = True, False, False
            events: Sequence[JobEvent] = ()
        else:
            events = chapter.events
        if chapter.more and events:
            self.epoch, self.seq = chapter.here.epoch, events[-1][1].seq
            return events
        self.epoch, self.seq = chapter.here.epoch, chapter.here.seq
        self.reading, self._too_many = self._too_many, False
        self._held = [
            one for one in self._held if one[1].seq > self.seq or one[1].epoch != self.epoch
        ]
        return (*events, *self._release())

    def announcement(self, chapter: Chapter) -> bytes | None:
        """Return the `live` that is due, once."""
        if self._announced or self.reading:
            return None
        self._announced = True
        recovered, self._recovered = self._recovered, True
        return chapter.live(recovered=recovered, epoch=self.epoch, seq=self.seq)

    def _release(self) -> Sequence[JobEvent]:
        if self.holding:
            return ()
        held, self._held = self._held, []
        return self._pass(held)

    def _pass(self, events: Sequence[JobEvent]) -> Sequence[JobEvent]:
        passing: list[JobEvent] = []
        for one in events:
            event = one[1]
            if event.epoch != self.epoch:
                self.reading = True
                break
            if event.seq > self.seq:
                self.seq = event.seq
            elif event.transition:
                continue
            passing.append(one)
        return passing

    def _hold(self, job: str, event: Event) -> None:
        if self._too_many:
            return
        self._held.append((job, event))
        if len(self._held) > MOST_HELD:
            self._held = [one for one in self._held if one[1].transition]
        if len(self._held) > MOST_HELD:
            self._held, self._too_many = [], True
            if not self.reading:
                self.reading = True
                self._too_many = False
