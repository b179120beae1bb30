"""A tenant's store, a notifier's connection and its client, one step at a time; and the judge."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.notifier.effects import (
    FEED,
    CatchUp,
    Effect,
    Locate,
    Send,
    Unwatch,
    Watch,
    WatchFeed,
)
from services.notifier.tracks import Tracks
from services.notifier.wire import text_frame
from shared.adapters.feed_redis import parse_message
from shared.contracts import operations as ops
from shared.contracts.feed import ReadFeed
from shared.contracts.listing import FeedPlace
from shared.ports import FeedMessage
from shared.stream.audience import UNKNOWN
from shared.stream.feed_place import Chapter
from shared.stream.merge import Cursor, Event, Verdict
from shared.stream.place import Place
from tests.contract import store_words as words
from tests.contract.store_worlds import TENANT
from tests.fakes.store import FakeStore
from tests.fakes.stream import unframed

MOST_JOBS = 3
PAGE = 2  # transitions, so that most readings of a feed take several


@dataclass
class Client:
    """Applies the rules of the reference, and asserts that they never have to heal anything."""

    truth: dict[str, list[int]]  # epoch -> seq of each transition
    jobs: dict[str, Cursor | None] = field(default_factory=dict)
    has_feed: bool = False
    feed: FeedPlace | None = None
    resets: int = 0
    left: dict[str, Cursor] = field(default_factory=dict)
    _seen: dict[tuple[str, int], str] = field(default_factory=dict)  # epoch, seq: job

    def connects(self) -> None:
        self._seen.clear()

    def follows(self, job: str, *, afresh: bool) -> Cursor | None:
        """Begin with a cursor, maybe an old one: then what it has seen since comes again."""
        old = self.left.pop(job, None)
        cursor = None if afresh else self.jobs.get(job, old)
        self.jobs[job] = cursor
        self._seen = {name: other for name, other in self._seen.items() if other != job}
        return cursor

    def follows_feed(self) -> None:
        """Begin with a cursor, maybe an old one: then what it has seen since comes again."""
        self.has_feed = True
        self._seen.clear()

    def leaves(self, job: str) -> None:
        if (cursor := self.jobs.pop(job)) is not None:
            self.left[job] = cursor

    def gets(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "snapshot":
            self.jobs[frame["job"]] = Cursor(frame["epoch"], frame["revision"], frame["step"])
        elif kind == "reset":
            self.feed = None
            self.resets += 1
        elif kind == "live":
            if frame.get("feed"):
                self._begins(frame)
        else:
            assert kind in {"transition", "progress"}, frame
            if kind == "transition":
                name = (frame["epoch"], frame["seq"])
                assert name not in self._seen, f"twice: {frame}"
                self._seen[name] = frame["job"]
            self._tell_feed(frame, transition=kind == "transition")
            if frame["job"] in self.jobs:
                self._tell_job(frame, transition=kind == "transition")

    def _begins(self, frame: dict[str, Any]) -> None:
        place = FeedPlace(frame["epoch"], frame["seq"])
        if frame["recovered"]:
            assert self.feed is not None
            assert self.feed.epoch in {"", place.epoch}
            assert not self._between(place.epoch, self.feed.seq, place.seq), "skipped by live"
        self.feed = place

    def _tell_feed(self, frame: dict[str, Any], *, transition: bool) -> None:
        here, seq = self.feed, frame["seq"]
        if not self.has_feed or here is None or here.epoch not in {"", frame["epoch"]}:
            return
        if seq > here.seq:
            upto = seq - 1 if transition else seq
            assert not self._between(frame["epoch"], here.seq, upto), f"a hole before {frame}"
            self.feed = FeedPlace(frame["epoch"], seq)
        else:
            assert not transition or frame["job"] in self.jobs, f"told again: {frame}"

    def _tell_job(self, frame: dict[str, Any], *, transition: bool) -> None:
        cursor = self.jobs[frame["job"]]
        if cursor is None or cursor.epoch != frame["epoch"] or frame["revision"] <= cursor.revision:
            return
        assert frame["step"] == cursor.step + transition, f"{cursor} does not lead to {frame}"
        self.jobs[frame["job"]] = Cursor(frame["epoch"], frame["revision"], frame["step"])

    def _between(self, epoch: str, after: int, upto: int) -> list[int]:
        return [seq for seq in self.truth.get(epoch, []) if after < seq <= upto]


class _Ask:
    def __init__(self, after: int | FeedPlace | None) -> None:
        self.after = after


class FeedWorld:
    """Everything between the store and the client, with nothing happening by itself."""

    def __init__(self, tracks: type[Tracks] = Tracks) -> None:
        self.store = FakeStore()
        self.jobs: list[str] = []
        self.rights: dict[str, str] = {}
        self.truth: dict[str, list[int]] = {}
        self.client = Client(self.truth)
        self.channel: deque[FeedMessage] = deque()
        self.answers: list[tuple[str, _Ask, Any]] = []
        self._of = tracks
        self._tracks = tracks()
        self._asks: dict[str, _Ask] = {}
        self._watched: dict[str, None] = {}
        self._kept: dict[str, Event] = {}  # by the thinner
        self._epoch, self._seq = "", UNKNOWN
        self._numbers = 0

    # --- the store

    def submit(self) -> None:
        self._numbers += 1
        job = words.job_id(self.store.now, self._numbers)
        self.jobs.append(words.submit(self.store, job=job).id)  # type: ignore[arg-type]
        self._publish()

    def advance(self, job: str, how: int) -> None:
        record = self.store.do(ops.Read(tenant=TENANT, job=job))
        if record is None:
            return
        right = self.rights.get(job, "")
        self._numbers += 1
        if record.state == "running" and how % 3:
            self.store.do(words.progress_of(record, right, number=self._numbers))
        elif record.state == "running":
            self.store.do(words.retry_of(record, right, delay=0))
        else:
            self.rights[job] = words.token()
            words.claim(self.store, record, token=self.rights[job])  # type: ignore[arg-type]
        self._publish()

    def change_epoch(self) -> None:
        self.store.change_epoch()

    def forget(self, snapshot: object) -> None:
        self.store.restore(snapshot)
        self.jobs = [
            job for job in self.jobs if self.store.do(ops.Read(tenant=TENANT, job=job)) is not None
        ]

    def trim(self, count: int) -> None:
        del self.store.peek(TENANT).feed[:count]

    def _publish(self) -> None:
        for channel, text in self.store.published:
            if channel.endswith(":events"):
                message = parse_message(TENANT, text.encode())
                self.channel.append(message)
                if message.transition:
                    self.truth.setdefault(message.epoch, []).append(message.seq)
        self.store.published.clear()

    # --- the notifier

    def deliver(self, *, thinned: bool) -> None:
        message = self.channel.popleft()
        if message.epoch != self._epoch:
            self._new_epoch(message.epoch)
        if self._seq != UNKNOWN and message.seq > self._seq + 1:
            self.disturb()
        self._seq = message.seq
        if message.job not in self._watched and FEED not in self._watched:
            return
        event = Event(
            message.epoch,
            message.revision,
            message.step,
            message.transition,
            text_frame(message.frame),
            message.seq,
        )
        if thinned and not event.transition:
            self._kept[message.job] = event
            return
        self.flush(message.job)
        self._happens(message.job, event)

    def flush(self, job: str) -> None:
        if (kept := self._kept.pop(job, None)) is not None:
            self._happens(job, kept)

    def lose(self) -> None:
        self.channel.popleft()

    def reconnect_redis(self) -> None:
        self.channel.clear()
        self._kept.clear()
        self.disturb()

    def disturb(self) -> None:
        self._seq = UNKNOWN
        for name in [FEED, *self._watched]:
            if name in self._watched:
                self._do(self._tracks.disturbed(name))

    def read(self, which: int) -> None:
        name, ask = list(self._asks.items())[which % len(self._asks)]
        answer: Any
        if name == FEED:
            assert not isinstance(ask.after, int)
            answer = self.store.do(ReadFeed(tenant=TENANT, after=ask.after, limit=PAGE))
        else:
            assert isinstance(ask.after, int)
            answer = self.store.do(ops.Locate(tenant=TENANT, job=name, after_step=ask.after))
        self.answers.append((name, ask, answer))

    def hand_out(self, which: int) -> None:
        name, ask, answer = self.answers.pop(which % len(self.answers))
        if self._asks.get(name) is not ask:
            return
        del self._asks[name]
        if name == FEED:
            self._do(self._tracks.caught_up(Chapter(answer, text_frame)))
            self._stands(answer.here.epoch, answer.here.seq)
            return
        place = None if answer is None else Place(name, answer, text_frame)
        self._do(self._tracks.placed(name, place))
        if answer is not None:
            self._stands(answer.epoch, answer.seq)

    def _stands(self, epoch: str, seq: int) -> None:
        if epoch and epoch != self._epoch:
            self._new_epoch(epoch)
        if self._seq == UNKNOWN:
            self._seq = seq

    def _new_epoch(self, epoch: str) -> None:
        known, self._epoch = self._epoch, epoch
        if known:
            self.disturb()

    def _happens(self, job: str, event: Event) -> None:
        verdict = self._tracks.hears(job, event)
        if verdict is Verdict.APPLY:
            self.client.gets(unframed(event.frame))
        elif verdict is Verdict.RESYNC:
            self._do(self._tracks.disturbed(job))

    def _do(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.client.gets(unframed(effect.frame))
            elif isinstance(effect, Watch):
                self._watched[effect.job] = None
                self._asks[effect.job] = _Ask(effect.after_step)
            elif isinstance(effect, Locate):
                assert effect.job in self._watched
                self._asks[effect.job] = _Ask(effect.after_step)
            elif isinstance(effect, WatchFeed):
                self._watched[FEED] = None
                self._asks[FEED] = _Ask(effect.after)
            elif isinstance(effect, CatchUp):
                assert FEED in self._watched
                self._asks[FEED] = _Ask(effect.after)
            else:
                assert isinstance(effect, Unwatch)
                self._watched.pop(effect.job, None)
                self._asks.pop(effect.job, None)

    @property
    def asks(self) -> int:
        return len(self._asks)

    # --- the client

    def follow(self, job: str, *, afresh: bool) -> None:
        self._do(self._tracks.add(job, self.client.follows(job, afresh=afresh)))

    def leave(self, name: str) -> None:
        if name == FEED:
            self.client.has_feed = False
        else:
            self.client.leaves(name)
        self._do(self._tracks.drop(name))

    def follow_feed(self, *, afresh: bool) -> None:
        if afresh:
            self.client.feed = None
        self.client.follows_feed()
        self._do(self._tracks.add_feed(self.client.feed))

    def connect_again(self, *, feed_first: bool) -> None:
        self.client.connects()
        self._tracks = self._of()
        self._asks.clear()
        self._watched.clear()
        self._kept.clear()
        if feed_first and self.client.has_feed:
            self.follow_feed(afresh=False)
        for job in list(self.client.jobs):
            self.follow(job, afresh=False)
        if not feed_first and self.client.has_feed:
            self.follow_feed(afresh=False)

    def settle(self) -> None:
        """Let everything come to rest, after a gap that is told."""
        while self.channel:
            self.deliver(thinned=False)
        self.reconnect_redis()
        for _ in range(1_000):
            if not self._asks:
                break
            self.read(0)
            self.hand_out(-1)
        assert not self._asks, "it reads for ever"

    def check_quiet(self) -> None:
        for job, cursor in self.client.jobs.items():
            position = self.store.do(ops.Locate(tenant=TENANT, job=job))
            if position is not None:
                assert cursor is not None
                assert (cursor.epoch, cursor.step) == (position.epoch, position.step)
        if self.client.has_feed:
            here = self.store.do(ReadFeed(tenant=TENANT, after=None)).here
            assert self.client.feed is not None
            later = [seq for seq in self.truth.get(here.epoch, []) if seq > self.client.feed.seq]
            assert (self.client.feed.epoch, later) == (here.epoch, [])
