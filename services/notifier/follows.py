"""The jobs that one client follows, and the requests that wait for them. Sans-I/O."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from services.notifier import messages
from services.notifier.effects import Effect, Locate, Send, Unwatch, Watch, say
from services.notifier.messages import RequestId, Subscription
from shared.contracts.tokens import Grant
from shared.stream.merge import Cursor, Event, Track, Verdict
from shared.stream.place import Place

_NOTHING: Final[tuple[Effect, ...]] = ()
_NEVER: Final = float("inf")
_JOB_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Request(msgspec.Struct):
    """A hello (`id` None) or a subscribe, answered when all its jobs are live or refused."""

    id: RequestId | None
    open: int
    refused: bool = False


class _Follow(msgspec.Struct):
    """One job; `requests` wait for it, until `deadline`."""

    track: Track
    requests: list[_Request]
    deadline: float


class Follows:
    """What `grant` allows of what was asked for; times in seconds, monotonic."""

    def __init__(self, grant: Grant, *, at_most: int, placed_within: float) -> None:
        """Follow nothing yet; a subscribe waits `placed_within` seconds for the store."""
        self.deadline = _NEVER  # of the request that waits longest, or earlier
        self._grant = grant
        self._at_most = at_most
        self._placed_within = placed_within
        self._follows: dict[str, _Follow] = {}

    @property
    def jobs(self) -> Sequence[str]:
        """What is followed."""
        return tuple(self._follows)

    def has(self, subscription: Subscription) -> bool:
        """Whether this is followed already."""
        return subscription.job in self._follows

    @property
    def idle(self) -> bool:
        """Whether nothing is followed, no feed either."""
        return not self._follows

    def regrant(self, grant: Grant) -> Sequence[Effect]:
        """Go by another grant of the same tenant; what it does not allow is dropped, and told."""
        self._grant = grant
        effects: list[Effect] = []
        for job in [job for job in self._follows if not grant.allows(job)]:
            detail = f"The new token does not allow job {job}: it is followed no more."
            if not self._follows[job].requests:  # else those are answered
                effects.append(say(messages.error("forbidden", detail, None, job=job)))
            effects.extend(self._refuse(job, "forbidden", detail))
        return effects

    def hears(self, job: str, event: Event) -> Verdict:
        """Something happened to a job: APPLY, write its frame; RESYNC, as with `disturbed`."""
        follow = self._follows.get(job)
        return Verdict.DROP if follow is None else follow.track.hears(event)

    def placed(self, job: str, place: Place | None) -> Sequence[Effect]:
        """The place of a job was read, its frames are WebSocket frames; None: no such job."""
        follow = self._follows.get(job)
        if follow is None:
            return _NOTHING
        if place is None and follow.requests:
            return self._refuse(job, "job-not-found", f"There is no job {job}.")
        effects: list[Effect] = []
        if place is None:
            follow.track.missing()
        else:
            effects.extend(Send(frame) for frame in follow.track.placed(place))
        if follow.track.syncing:
            effects.append(Locate(job, follow.track.after_step))
            return effects
        requests, follow.requests = follow.requests, []
        for request in requests:
            effects.extend(self._settle(request))
        return effects

    def put_off(self, job: str, now: float) -> None:
        """Its place comes later, and that is not the store's fault: wait on for it."""
        follow = self._follows.get(job)
        if follow is not None:
            follow.deadline = now + self._placed_within

    def disturbed(self, job: str) -> Sequence[Effect]:
        """Events of this job may have been lost."""
        follow = self._follows.get(job)
        if follow is None:
            return _NOTHING
        follow.track.resync()
        return (Locate(job, follow.track.after_step),)

    def subscribe(
        self, request_id: RequestId | None, wanted: Sequence[Subscription], now: float
    ) -> Sequence[Effect]:
        """Follow these, or say why not; the answer comes when all are live."""
        request = _Request(request_id, len(wanted))
        if not wanted and request_id is not None:
            return (say(messages.ok(request_id)),)
        effects: list[Effect] = []
        for subscription in wanted:
            refusal = self._refusal(subscription)
            if refusal is not None:
                request.refused = True
                effects.append(say(messages.error(*refusal, request_id, job=subscription.job)))
                effects.extend(self._settle(request))
            else:
                effects.append(self._follow(subscription, request, now))
        return effects

    def _follow(self, subscription: Subscription, request: _Request, now: float) -> Effect:
        job = subscription.job or ""
        cursor = (
            None
            if subscription.epoch is None
            else Cursor(subscription.epoch, subscription.revision or 0, subscription.step or 0)
        )
        track = Track(cursor)
        replaced = self._follows.get(job)
        deadline = now + self._placed_within
        requests = [*(replaced.requests if replaced else ()), request]
        self._follows[job] = _Follow(track, requests, deadline)
        self.deadline = min(self.deadline, deadline)
        return Watch(job, track.after_step)

    def _refusal(self, wanted: Subscription) -> tuple[str, str] | None:
        """Say why not, as (code, detail); the same for a job that is unknown and one of others."""
        grant, job = self._grant, wanted.job
        if job is None:
            if not grant.feed:
                return "forbidden", "The token does not allow the feed."
            return "feed-unavailable", "This server does not serve the feed yet."
        if not grant.allows(job):
            return "forbidden", f"The token does not allow job {job}."
        if not _JOB_ID.fullmatch(job):
            return "job-not-found", f"There is no job {job}."
        if job not in self._follows and len(self._follows) >= self._at_most:
            return "too-many-subscriptions", f"At most {self._at_most} at a time."
        return None

    def unsubscribe(
        self, request_id: RequestId, unwanted: Sequence[Subscription]
    ) -> Sequence[Effect]:
        """Follow these no more; what was not followed is no fault."""
        effects: list[Effect] = []
        for subscription in unwanted:
            follow = self._follows.pop(subscription.job or "", None)
            if follow is not None:
                effects.append(Unwatch(subscription.job or ""))
                for request in follow.requests:
                    effects.extend(self._settle(request))
        return [*effects, say(messages.ok(request_id))]

    def _settle(self, request: _Request) -> Iterable[Effect]:
        request.open -= 1
        if request.open == 0 and not request.refused and request.id is not None:
            yield say(messages.ok(request.id))

    def _refuse(self, job: str, code: str, detail: str) -> Sequence[Effect]:
        effects: list[Effect] = [Unwatch(job)]
        for request in self._follows.pop(job).requests:
            request.refused = True
            effects.append(say(messages.error(code, detail, request.id, job=job)))
            effects.extend(self._settle(request))
        return effects

    def give_up_waiting(self, now: float) -> Sequence[Effect]:
        """Refuse what waits longer than it may."""
        late = [job for job, it in self._follows.items() if it.requests and now >= it.deadline]
        effects: list[Effect] = []
        for job in late:
            detail = f"The store does not answer: subscribe to {job} again later."
            effects.extend(self._refuse(job, "store-unavailable", detail))
        waiting = (it.deadline for it in self._follows.values() if it.requests)
        self.deadline = min(waiting, default=_NEVER)
        return effects
