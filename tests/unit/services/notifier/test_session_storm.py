"""Whatever is lost, repeated or reordered, a client's history is 1..n: each step once, in order.

A session and its client in a world where events wait on a wire, places are read late, connections
to Redis and to the client break, and the store fails over. Two crippled worlds must be caught.
"""

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.notifier.effects import Effect, Locate, Send, Watch
from services.notifier.rules import Admission, Rules
from services.notifier.session import Session
from shared.contracts.tokens import Grant
from shared.stream.merge import Event
from shared.stream.place import Place
from tests.fakes.stream import JOB, Client, Truth, unframed
from tests.unit.services.notifier.session_talk import happens

GRANT = Grant(tenant="acme", jobs=frozenset({JOB}), expires_at=2_000_000_000)


class World(RuleBasedStateMachine):
    """One job, one client; `buffers` and `resyncs` are what the negative controls take away."""

    buffers = True
    resyncs = True

    def __init__(self) -> None:
        super().__init__()
        self.truth = Truth()
        self.truth.transition()
        self.client = Client()
        self.wire: list[Event] = []
        self.wanted: int | None = None  # a place to be read, after this step
        self.read: Place | None = None  # and one that is on its way back
        self.broken = False  # the connection to Redis: what is published is lost
        self.session: Session

    @initialize()
    def connect(self) -> None:
        self.session = Session(
            name="s", rules=Rules(), admit=lambda _: Admission(GRANT, 1e6), now=0.0
        )
        self.client.live = False
        self.wanted = self.read = None
        cursor = "".join(f',"{key}":{value!r}' for key, value in self.client.cursor.items())
        self.do(
            self.session.received(
                '{"type":"hello","version":1,"token":"t","subscriptions":'
                f'[{{"job":"{JOB}"{cursor}}}]}}'.replace("'", '"'),
                0.0,
            )
        )

    def do(self, effects: object) -> None:
        assert isinstance(effects, list | tuple)
        effect: Effect
        for effect in effects:
            if isinstance(effect, Send):
                self.client.gets(unframed(effect.frame))
            else:
                assert isinstance(effect, Watch | Locate), effect
                self.wanted, self.read = effect.after_step, None

    def publish(self, event: Event) -> None:
        if not self.broken:
            self.wire.append(event)

    @rule()
    def the_job_moves(self) -> None:
        self.publish(self.truth.transition())

    @rule()
    def the_job_reports_progress(self) -> None:
        self.publish(self.truth.report())

    @precondition(lambda self: self.wire)
    @rule()
    def an_event_arrives(self) -> None:
        event = self.wire.pop(0)
        syncing = self.wanted is not None or self.read is not None
        if self.buffers or not syncing:
            self.do(happens(self.session, JOB, event))

    @precondition(lambda self: self.wire)
    @rule()
    def an_event_is_repeated(self) -> None:
        self.wire.insert(1, self.wire[0])

    @precondition(lambda self: len(self.wire) > 1)
    @rule()
    def two_events_change_places(self) -> None:
        self.wire[0], self.wire[1] = self.wire[1], self.wire[0]

    @precondition(lambda self: self.wanted is not None)
    @rule()
    def the_place_is_read(self) -> None:
        self.read, self.wanted = self.truth.place(self.wanted or 0), None

    @precondition(lambda self: self.read is not None)
    @rule()
    def the_place_arrives(self) -> None:
        place, self.read = self.read, None
        self.do(self.session.placed(JOB, place))

    @rule()
    def redis_cuts_the_feed(self) -> None:
        self.broken = True
        self.wire.clear()

    @precondition(lambda self: self.broken)
    @rule()
    def the_feed_is_back(self) -> None:
        self.broken = False
        if self.resyncs:
            self.do(self.session.disturbed(JOB))

    @rule(forgotten=st.integers(0, 3))
    def the_store_fails_over(self, forgotten: int) -> None:
        self.redis_cuts_the_feed()
        self.truth.fail_over(forgotten)

    @rule()
    def the_client_reconnects(self) -> None:
        self.connect()

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        if self.broken:
            self.the_feed_is_back()
        for _ in range(1000):
            if self.wire:
                self.an_event_arrives()
            elif self.wanted is not None:
                self.the_place_is_read()
            elif self.read is not None:
                self.the_place_arrives()
            else:
                break
        else:
            pytest.fail("it never comes to rest")
        assert self.client.breaches == []
        assert self.client.history == [(past.step, past.state) for past in self.truth.steps]
        assert self.client.epoch == self.truth.epoch
        assert self.client.live


class WorldWithoutBuffering(World):
    buffers = False


class WorldWithoutResync(World):
    resyncs = False


TestEveryStepOnceInOrder = World.TestCase
TestEveryStepOnceInOrder.settings = settings(stateful_step_count=40)

SEARCH = settings(
    max_examples=500, derandomize=True, database=None, phases=[Phase.generate], deadline=None
)


@pytest.mark.parametrize("crippled", [WorldWithoutBuffering, WorldWithoutResync])
def test_the_checker_catches_a_world_that_is_not_right(crippled: type[World]) -> None:
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(crippled, settings=SEARCH)
