"""What one client is told of the jobs it follows, and of its tenant's feed. Sans-I/O.

While it follows the feed every event comes to it by the feed, in the order of `seq`; what is read
of a job then only brings it as far as the feed has told (`feed_track.py`).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar, Final

from services.notifier.effects import FEED, CatchUp, Effect, Locate, Send, Unwatch, Watch, WatchFeed
from services.notifier.feed_track import MOST_HELD, FeedTrack
from shared.contracts.listing import FeedPlace
from shared.stream.feed_place import Chapter, JobEvent
from shared.stream.merge import Cursor, Event, Track, Verdict
from shared.stream.place import Place

_NOTHING: Final[tuple[Effect, ...]] = ()


class Tracks:
    """Of one client; jobs are named by their ids, the feed by FEED."""

    __slots__ = ("_again", "_feed", "_jobs", "_must_read", "_told")

    of_feed: ClassVar[type[FeedTrack]] = FeedTrack
    of_job: ClassVar[type[Track]] = Track

    def __init__(self) -> None:
        """Follow nothing yet."""
        self._jobs: dict[str, Track] = {}
        self._feed: FeedTrack | None = None
        self._must_read = False  # the feed has found out that it needs a reading
        self._told: set[bytes] = set()  # frames of jobs, since the feed was asked for
        self._again: set[str] = set()  # jobs whose place is of another epoch than the feed

    @property
    def names(self) -> Collection[str]:
        """What is followed."""
        return self._jobs if self._feed is None else (*self._jobs, FEED)

    def __contains__(self, name: str) -> bool:
        """Whether this is followed."""
        return self._feed is not None if name == FEED else name in self._jobs

    def __len__(self) -> int:
        """Return how much is followed."""
        return len(self._jobs) + (self._feed is not None)

    def is_live(self, name: str) -> bool:
        """Whether all that was missed of it was told."""
        if name == FEED:
            return self._feed is not None and not self._feed.reading
        return name in self._jobs and not self._jobs[name].syncing

    def add(self, job: str, cursor: Cursor | None) -> Sequence[Effect]:
        """Follow a job, from a cursor on."""
        track = self._jobs[job] = self.of_job(cursor)
        if self._feed is not None and self._feed.begun:
            self._feed.wait_for(job)
        return (Watch(job, track.after_step),)

    def add_feed(self, cursor: FeedPlace | None) -> Sequence[Effect]:
        """Follow the feed, from a cursor on."""
        before, feed = self._feed, self.of_feed(cursor)
        self._feed, self._told, self._must_read = feed, set(), False
        effects: list[Effect] = [WatchFeed(cursor)]
        if before is not None:  # which may have held what the jobs need
            effects.extend(self._place_again(feed, self._jobs))
        elif feed.begun:
            self._wait_for_jobs(feed)
        return effects

    def drop(self, name: str) -> Sequence[Effect]:
        """Follow this no more."""
        if name != FEED:
            del self._jobs[name]
            self._again.discard(name)
            return [Unwatch(name), *self._let_go(name)]
        self._feed = None
        effects: list[Effect] = [Unwatch(FEED)]
        for job, track in self._jobs.items():  # what the feed held, each reads for itself
            track.resync()
            effects.append(Locate(job, track.after_step))
        return effects

    def hears(self, job: str, event: Event) -> Verdict:
        """Something happened to a job: APPLY, write its frame; RESYNC, as with `disturbed`."""
        track = self._jobs.get(job)
        if self._feed is not None:
            return self._hears_by(self._feed, job, event, track)
        return Verdict.DROP if track is None else track.hears(event)

    def _hears_by(self, feed: FeedTrack, job: str, event: Event, track: Track | None) -> Verdict:
        if not feed.begun:
            feed.happened(job, event)
            verdict = Verdict.DROP if track is None else track.hears(event)
            if verdict is Verdict.APPLY:
                self._note_told((event.frame,))
            return verdict
        if not (event.transition and event.seq <= feed.seq and event.epoch == feed.epoch):
            was_reading = feed.reading
            if feed.happened(job, event):
                if track is not None:
                    track.told(event)
                return Verdict.APPLY
            self._must_read = feed.reading and not was_reading
            return Verdict.RESYNC if self._must_read else Verdict.DROP
        # From before the feed began: of use for who follows the job.
        return Verdict.DROP if track is None else track.hears(event)

    def placed(self, job: str, place: Place | None) -> Sequence[Effect]:
        """The place of a job was read, its frames are WebSocket frames; None: no such job."""
        track = self._jobs.get(job)
        if track is None:
            return _NOTHING
        feed = self._feed if self._feed is not None and self._feed.begun else None
        effects: list[Effect] = []
        if place is None:
            track.missing()
        elif feed is not None and feed.epoch not in {"", place.epoch}:
            self._again.add(job)
            feed.resync()
            return (CatchUp(feed.cursor),)
        else:
            frames = track.placed(place, upto=None if feed is None else feed.seq)
            effects.extend(Send(frame) for frame in frames)
            if feed is None and self._feed is not None:
                self._note_told(frames)
        if track.syncing:
            effects.append(Locate(job, track.after_step))
            return effects
        return [*effects, *self._let_go(job)]

    def caught_up(self, chapter: Chapter) -> Sequence[Effect]:
        """What the feed has missed was read; its frames are WebSocket frames."""
        feed = self._feed
        if feed is None or self.is_live(FEED):
            return _NOTHING
        begins = not feed.begun
        if begins:
            self._wait_for_jobs(feed)
        effects: list[Effect] = []
        if feed.begun and chapter.loss is not None:
            effects.append(Send(chapter.reset(chapter.loss)))
            effects.extend(self._place_again(feed, self._jobs))
        effects.extend(self._hand_on(feed, feed.read(chapter)))
        if begins:  # what it does not tell: that these are of another epoch by now
            effects.extend(self._place_again(feed, self._live_elsewhere(feed.epoch)))
        if feed.reading:
            return [*effects, CatchUp(feed.cursor)]
        if (announcement := feed.announcement(chapter)) is not None:
            effects.append(Send(announcement))
        effects.extend(self._place_again(feed, self._again))
        self._again = set()
        return effects

    def disturbed(self, name: str) -> Sequence[Effect]:
        """Events of this job, or of the feed, may have been lost."""
        feed, track = self._feed, self._jobs.get(name)
        effects: tuple[Effect, ...] = ()
        if feed is not None and (name == FEED or self._must_read):
            self._must_read = False
            feed.resync()
            effects = (CatchUp(feed.cursor),)
        if track is None:
            return effects
        if feed is None or not feed.begun:
            track.resync()
        if track.syncing:  # else the feed will tell
            return (*effects, self._locate(name, track))
        return effects

    def _locate(self, job: str, track: Track) -> Effect:
        if self._feed is not None and self._feed.begun:
            self._feed.wait_for(job)
        return Locate(job, track.after_step)

    def _place_again(self, feed: FeedTrack, jobs: Iterable[str]) -> Sequence[Effect]:
        effects: list[Effect] = []
        for job in jobs:
            track = self._jobs[job]
            track.resync()
            feed.wait_for(job)
            effects.append(Locate(job, track.after_step))
        return effects

    def _live_elsewhere(self, epoch: str) -> list[str]:
        return [
            job
            for job, track in self._jobs.items()
            if not track.syncing and track.cursor is not None and track.cursor.epoch != epoch
        ]

    def _wait_for_jobs(self, feed: FeedTrack) -> None:
        for job, track in self._jobs.items():
            if track.syncing:
                feed.wait_for(job)

    def _let_go(self, job: str) -> Sequence[Effect]:
        """The feed need not wait for this job."""
        feed = self._feed
        if feed is None:
            return _NOTHING
        was_reading = feed.reading
        effects = self._hand_on(feed, feed.got(job))
        if feed.reading and not was_reading:
            effects.append(CatchUp(feed.cursor))
        return effects

    def _note_told(self, frames: Iterable[bytes]) -> None:
        if len(self._told) > MOST_HELD:  # the feed will have held no more either
            self._told = set()
        self._told.update(frames)

    def _hand_on(self, feed: FeedTrack, events: Sequence[JobEvent]) -> list[Effect]:
        effects: list[Effect] = []
        for job, event in events:
            if event.frame in self._told:
                continue
            track = self._jobs.get(job)
            if track is not None:
                track.told(event)
            effects.append(Send(event.frame))
        if not feed.holding:
            self._told = set()
        return effects
