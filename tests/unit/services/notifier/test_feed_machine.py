"""Whatever breaks, who follows a feed and some jobs is told every transition once and in order."""

from collections.abc import Callable
from typing import ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.notifier.effects import FEED
from services.notifier.feed_track import FeedTrack
from services.notifier.tracks import Tracks
from shared.stream.merge import Event, Track
from shared.stream.place import Place
from tests.unit.services.notifier.feed_world import MOST_JOBS, FeedWorld

any_number = st.integers(0, 11)
EXAMPLES = settings(
    max_examples=150,
    stateful_step_count=50,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class FeedMachine(RuleBasedStateMachine):
    """Hypothesis picks who makes the next step, and what breaks."""

    tracks: ClassVar[type[Tracks]] = Tracks

    @initialize(jobs=st.integers(0, 2), feed=st.booleans(), job=st.booleans())
    def begin(self, jobs: int, feed: bool, job: bool) -> None:
        self.world = FeedWorld(self.tracks)
        self.kept: object = None
        for _ in range(jobs):
            self.world.submit()
        if feed:
            self.world.follow_feed(afresh=True)
        if job and jobs:
            self.world.follow(self.world.jobs[0], afresh=True)

    @precondition(lambda self: len(self.world.jobs) < MOST_JOBS)
    @rule()
    def submit(self) -> None:
        self.world.submit()

    @precondition(lambda self: self.world.jobs)
    @rule(which=any_number, how=any_number)
    def advance(self, which: int, how: int) -> None:
        self.world.advance(self.job(which), how)

    @precondition(lambda self: self.world.channel)
    @rule(count=st.integers(1, 4), thinned=st.booleans())
    def deliver(self, count: int, thinned: bool) -> None:
        for _ in range(min(count, len(self.world.channel))):
            self.world.deliver(thinned=thinned)

    @precondition(lambda self: self.world.jobs)
    @rule(which=any_number)
    def flush(self, which: int) -> None:
        self.world.flush(self.job(which))

    @precondition(lambda self: self.world.asks)
    @rule(which=any_number)
    def read(self, which: int) -> None:
        self.world.read(which)

    @precondition(lambda self: self.world.answers)
    @rule(which=any_number)
    def hand_out(self, which: int) -> None:
        self.world.hand_out(which)

    @precondition(lambda self: self.world.asks)
    @rule(which=any_number)
    def read_and_hand_out(self, which: int) -> None:
        self.world.read(which)
        self.world.hand_out(-1)

    @precondition(lambda self: self.world.jobs)
    @rule(which=any_number, afresh=st.booleans())
    def follow(self, which: int, afresh: bool) -> None:
        job = self.job(which)
        if afresh or job not in self.world.client.jobs:
            self.world.follow(job, afresh=afresh)

    @rule(afresh=st.booleans())
    def follow_feed(self, afresh: bool) -> None:
        if not self.world.client.has_feed:
            self.world.follow_feed(afresh=afresh)

    @rule(which=any_number)
    def leave(self, which: int) -> None:
        client = self.world.client
        names = [*client.jobs, *([FEED] if client.has_feed else [])]
        if names:
            self.world.leave(names[which % len(names)])

    @rule(feed_first=st.booleans())
    def connect_again(self, feed_first: bool) -> None:
        self.world.connect_again(feed_first=feed_first)

    @precondition(lambda self: self.world.channel)
    @rule()
    def lose(self) -> None:
        self.world.lose()

    @rule()
    def reconnect_redis(self) -> None:
        self.world.reconnect_redis()

    @rule(count=st.integers(1, 3))
    def trim(self, count: int) -> None:
        self.world.trim(count)

    @rule()
    def change_epoch(self) -> None:
        self.world.change_epoch()

    @rule()
    def keep_a_snapshot(self) -> None:
        self.kept = self.world.store.snapshot()

    @precondition(lambda self: self.kept is not None)
    @rule()
    def forget(self) -> None:
        self.world.forget(self.kept)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            self.world.check_quiet()

    def job(self, which: int) -> str:
        return self.world.jobs[which % len(self.world.jobs)]


def test_whatever_breaks_every_transition_is_told_once_and_in_order() -> None:
    run_state_machine_as_test(FeedMachine, settings=EXAMPLES)


def test_a_feed_that_begins_in_another_epoch_brings_the_jobs_along() -> None:
    world = FeedWorld()
    world.submit()
    world.follow(world.jobs[0], afresh=True)
    world.read(0)
    world.hand_out(0)
    world.follow_feed(afresh=True)
    world.forget(world.store.snapshot())
    world.read(0)
    world.hand_out(0)

    world.settle()

    world.check_quiet()


class _WaitsForNoJob(FeedTrack):
    def wait_for(self, job: str) -> None:
        """Go on at once."""


class _HoldsNothing(FeedTrack):
    def _hold(self, job: str, event: Event) -> None:
        """Forget it."""


class _RunsAhead(Track):
    def placed(self, place: Place, *, upto: int | None = None) -> list[bytes]:
        del upto
        return super().placed(place)


class Impatient(Tracks):
    of_feed: ClassVar[type[FeedTrack]] = _WaitsForNoJob


class Forgetful(Tracks):
    of_feed: ClassVar[type[FeedTrack]] = _HoldsNothing


class Hasty(Tracks):
    of_job: ClassVar[type[Track]] = _RunsAhead


def an_old_cursor_under_a_live_feed(tracks: type[Tracks]) -> FeedWorld:
    world = FeedWorld(tracks)
    world.submit()
    job = world.jobs[0]
    world.follow(job, afresh=True)
    world.settle()
    world.leave(job)
    world.advance(job, 0)
    world.follow_feed(afresh=True)
    world.settle()
    world.follow(job, afresh=False)
    world.advance(job, 0)
    return world


def the_feed_goes_on(tracks: type[Tracks]) -> FeedWorld:
    world = an_old_cursor_under_a_live_feed(tracks)
    world.deliver(thinned=False)
    return world


def the_job_comes_first(tracks: type[Tracks]) -> FeedWorld:
    world = an_old_cursor_under_a_live_feed(tracks)
    world.read(0)
    world.hand_out(0)
    world.deliver(thinned=False)
    return world


def something_happens_while_it_is_read(tracks: type[Tracks]) -> FeedWorld:
    world = FeedWorld(tracks)
    world.submit()
    world.follow_feed(afresh=True)
    world.read(0)
    world.submit()
    world.hand_out(0)
    while world.channel:
        world.deliver(thinned=False)
    world.submit()
    world.deliver(thinned=False)
    return world


def something_happens_before_it_is_told(tracks: type[Tracks]) -> FeedWorld:
    world = FeedWorld(tracks)
    world.submit()
    world.follow_feed(afresh=True)
    world.read(0)
    world.submit()
    while world.channel:
        world.deliver(thinned=False)
    world.hand_out(0)
    world.submit()
    world.deliver(thinned=False)
    return world


@pytest.mark.parametrize(
    "scenario",
    [
        the_feed_goes_on,
        the_job_comes_first,
        something_happens_while_it_is_read,
        something_happens_before_it_is_told,
    ],
)
def test_nothing_is_missing_and_nothing_told_twice(
    scenario: Callable[[type[Tracks]], FeedWorld],
) -> None:
    world = scenario(Tracks)
    world.settle()

    world.check_quiet()


@pytest.mark.parametrize(
    ("scenario", "broken", "fault"),
    [
        (the_feed_goes_on, Impatient, "does not lead to"),
        (the_job_comes_first, Hasty, "twice"),
        (something_happens_before_it_is_told, Forgetful, "a hole before"),
    ],
)
def test_the_judge_would_notice(
    scenario: Callable[[type[Tracks]], FeedWorld], broken: type[Tracks], fault: str
) -> None:
    with pytest.raises(AssertionError, match=fault):
        scenario(broken)
