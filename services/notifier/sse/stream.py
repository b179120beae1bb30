"""One client's server-sent events: watches for it, and keeps what it has not taken yet."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from services.notifier.backlog import Backlog
from services.notifier.closes import Close
from services.notifier.effects import FEED, Effect, Send, Shut, Unwatch
from services.notifier.guarding import guarded
from services.notifier.hub import Hub
from services.notifier.sse.wording import Writer
from services.notifier.tracks import Tracks
from shared.contracts.lifecycle import FINAL_STATES
from shared.contracts.listing import FeedPlace
from shared.contracts.tokens import Grant
from shared.stream.feed_place import Chapter
from shared.stream.merge import Cursor, Event, Verdict
from shared.stream.place import Place

DONE: Final = "done"  # the job is final, and all was told
CLIENT: Final = "client"
_MOST_AT_ONCE: Final = 64 * 1024  # bytes


class EventStream:
    """A `Follower` and a `Guest`; `take` what there is when `something` is set."""

    def __init__(self, hub: Hub, grant: Grant, name: str) -> None:
        """Watch nothing yet; `name`: the id of a job, or FEED."""
        self.something = asyncio.Event()
        self.missing = False  # there is no such job
        self.ended = ""  # why: a code of `closes.py`, DONE or CLIENT; "": it goes on
        self.told = 0  # frames, `live` among them
        self._hub = hub
        self._grant = grant
        self._name = name
        self._writer = Writer(name)
        self._tracks = Tracks()
        self._backlog = Backlog()

    @property
    def is_live(self) -> bool:
        """Whether all that was missed was told."""
        return self._tracks.is_live(self._name)

    def open(self, cursor: Cursor | FeedPlace | None) -> None:
        """Begin to watch, from a cursor of its kind on."""
        if self._name == FEED:
            self._do(self._tracks.add_feed(cursor if isinstance(cursor, FeedPlace) else None))
        else:
            self._do(self._tracks.add(self._name, cursor if isinstance(cursor, Cursor) else None))

    def take(self) -> bytes:
        """Remove some of what waits."""
        return self._backlog.take(_MOST_AT_ONCE)

    def end(self, why: str) -> None:
        """Watch no more; what waits can still be taken, unless the client was too slow."""
        if self.ended:
            return
        self.ended = why
        if why == str(int(Close.SLOW)):
            self._backlog = Backlog()
        self._hub.arrange(self._grant.tenant, Unwatch(self._name), self)
        self.something.set()

    # --- as `Follower`

    @guarded
    def happened(self, job: str, event: Event) -> None:
        """As `Watcher` and `FeedWatcher`."""
        verdict = self._tracks.hears(job, event)
        if verdict is Verdict.APPLY:
            tally = self._hub.tally
            if event.transition:
                tally.transitions += 1
            else:
                tally.progress += 1
            self.told += 1
            self._backlog.tell(job, self._writer.event(event.frame), transition=event.transition)
            self._look()
        elif verdict is Verdict.RESYNC:
            self._do(self._tracks.disturbed(job))

    @guarded
    def placed(self, job: str, place: Place | None) -> None:
        """As `Watcher`."""
        if place is None:
            self.missing = True
            self.end(DONE)
            return
        self._writer.is_final = place.state in FINAL_STATES
        self._do(self._tracks.placed(job, place))

    @guarded
    def caught_up(self, chapter: Chapter) -> None:
        """As `FeedWatcher`."""
        self._do(self._tracks.caught_up(chapter))

    @guarded
    def disturbed(self, job: str) -> None:
        """As `Watcher`."""
        self._do(self._tracks.disturbed(job))

    def feed_disturbed(self) -> None:
        """As `FeedWatcher`."""
        self.disturbed(FEED)

    # --- as `Guest`

    def drain(self, notice: bytes, *, leave_by: float) -> None:
        """The server goes away: the client comes again by itself."""
        del notice, leave_by
        self.end(str(int(Close.DRAINING)))

    def revoked(self, keys: Collection[str]) -> None:
        """API keys with these ids were revoked, and with them what they have minted."""
        if self._grant.key in keys:
            self.end(str(int(Close.REVOKED)))

    def fail(self) -> None:
        """As `Failing`."""
        self.end(str(int(Close.INTERNAL)))

    def _do(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if self.ended or isinstance(effect, Shut):
                return
            if isinstance(effect, Send):
                self.told += 1
                self._backlog.say(self._writer.event(effect.frame))
            else:
                self._hub.arrange(self._grant.tenant, effect, self)
        self._look()

    def _look(self) -> None:
        if self._backlog.size > self._hub.bounds.backlog:
            self.end(str(int(Close.SLOW)))
        elif self._name != FEED and self._writer.is_final and self.is_live:
            self.end(DONE)
        self.something.set()
