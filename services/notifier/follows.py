"""What one client may follow, and what it waits for. Sans-I/O."""

from collections.abc import Callable, Collection, Sequence

from services.notifier import messages
from services.notifier.effects import FEED, Effect, say
from services.notifier.messages import RequestId, Subscription, is_job_id
from services.notifier.requests import Request, Requests
from services.notifier.tracks import Tracks
from shared.contracts.listing import FeedPlace
from shared.contracts.tokens import Grant
from shared.stream.feed_place import Chapter
from shared.stream.merge import Cursor, Event, Verdict
from shared.stream.place import Place


class Follows:
    """What `grant` allows of what was asked for; times in seconds, monotonic."""

    __slots__ = ("_at_most", "_grant", "_placed_within", "_requests", "_tracks", "hears")

    def __init__(self, grant: Grant, *, at_most: int, placed_within: float) -> None:
        """Follow nothing yet; a subscribe waits `placed_within` seconds for the store."""
        self._grant = grant
        self._at_most = at_most
        self._placed_within = placed_within
        self._requests = Requests()
        self._tracks = Tracks()
        # Said of each delivery: a call less.
        self.hears: Callable[[str, Event], Verdict] = self._tracks.hears

    @property
    def deadline(self) -> float:
        """When `give_up_waiting` must be called at the latest."""
        return self._requests.deadline

    @property
    def names(self) -> Collection[str]:
        """What is followed: ids of jobs, and FEED."""
        return tuple(self._tracks.names)

    def has(self, subscription: Subscription) -> bool:
        """Whether this is followed already."""
        return (subscription.job or FEED) in self._tracks

    @property
    def idle(self) -> bool:
        """Whether nothing is followed, no feed either."""
        return not len(self._tracks)

    def regrant(self, grant: Grant) -> Sequence[Effect]:
        """Go by another grant of the same tenant; what it does not allow is dropped, and told."""
        self._grant = grant
        effects: list[Effect] = []
        for name in [name for name in self.names if not self._allows(name)]:
            what = "the feed" if name == FEED else f"job {name}"
            detail = f"The new token does not allow {what}: it is followed no more."
            if not self._requests.wait_for(name):  # else those are answered
                effects.append(
                    say(
                        messages.error(
                            "forbidden", detail, None, job=name or None, feed=name == FEED
                        )
                    )
                )
            effects.extend(self._refuse(name, "forbidden", detail))
        return effects

    def placed(self, job: str, place: Place | None) -> Sequence[Effect]:
        """The place of a job was read, its frames are WebSocket frames; None: no such job."""
        if place is None and self._requests.wait_for(job):
            return self._refuse(job, "job-not-found", f"There is no job {job}.")
        effects = self._tracks.placed(job, place)
        return [*effects, *self._answered(job)]

    def caught_up(self, chapter: Chapter) -> Sequence[Effect]:
        """What the feed has missed was read; its frames are WebSocket frames."""
        effects = self._tracks.caught_up(chapter)
        return [*effects, *self._answered(FEED)]

    def disturbed(self, name: str) -> Sequence[Effect]:
        """Events of this job, or of the FEED, may have been lost."""
        return self._tracks.disturbed(name)

    def put_off(self, name: str, now: float) -> None:
        """Its place comes later, and that is not the store's fault: wait on for it."""
        self._requests.put_off(name, now + self._placed_within)

    def subscribe(
        self, request_id: RequestId | None, wanted: Sequence[Subscription], now: float
    ) -> Sequence[Effect]:
        """Follow these, or say why not; the answer comes when all are live."""
        request = Request(request_id, len(wanted))
        if not wanted and request_id is not None:
            return (say(messages.ok(request_id)),)
        effects: list[Effect] = []
        for subscription in wanted:
            name = subscription.job or FEED
            refusal = self._refusal(subscription)
            if refusal is not None:
                effects.extend(self._requests.refuse(name, *refusal, request))
                continue
            self._requests.wait(name, request, now + self._placed_within)
            effects.extend(self._follow(subscription))
        return effects

    def _follow(self, wanted: Subscription) -> Sequence[Effect]:
        epoch = wanted.epoch
        if wanted.job is None:
            place = None if epoch is None else FeedPlace(epoch, wanted.seq or 0)
            return self._tracks.add_feed(place)
        cursor = None if epoch is None else Cursor(epoch, wanted.revision or 0, wanted.step or 0)
        return self._tracks.add(wanted.job, cursor)

    def _refusal(self, wanted: Subscription) -> tuple[str, str] | None:
        """Say why not, as (code, detail); the same for a job that is unknown and one of others."""
        grant, job = self._grant, wanted.job
        if job is None and not grant.feed:
            return "forbidden", "The token does not allow the feed."
        if job is not None and not grant.allows(job):
            return "forbidden", f"The token does not allow job {job}."
        if job is not None and not is_job_id(job):
            return "job-not-found", f"There is no job {job}."
        if not self.has(wanted) and len(self._tracks) >= self._at_most:
            return "too-many-subscriptions", f"At most {self._at_most} at a time."
        return None

    def unsubscribe(
        self, request_id: RequestId, unwanted: Sequence[Subscription]
    ) -> Sequence[Effect]:
        """Follow these no more; what was not followed is no fault."""
        effects: list[Effect] = []
        for subscription in unwanted:
            name = subscription.job or FEED
            if name in self._tracks:
                effects.extend(self._tracks.drop(name))
                effects.extend(self._requests.answered(name))
        return [*effects, say(messages.ok(request_id))]

    def give_up_waiting(self, now: float) -> Sequence[Effect]:
        """Refuse what waits longer than it may."""
        effects: list[Effect] = []
        for name in self._requests.late(now):
            what = "the feed" if name == FEED else name
            detail = f"The store does not answer: subscribe to {what} again later."
            effects.extend(self._refuse(name, "store-unavailable", detail))
        return effects

    def _answered(self, name: str) -> Sequence[Effect]:
        return self._requests.answered(name) if self._tracks.is_live(name) else ()

    def _allows(self, name: str) -> bool:
        return self._grant.feed if name == FEED else self._grant.allows(name)

    def _refuse(self, name: str, code: str, detail: str) -> Sequence[Effect]:
        return [*self._tracks.drop(name), *self._requests.refused(name, code, detail)]
