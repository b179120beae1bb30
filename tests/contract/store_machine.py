"""Racing callers around a store: Hypothesis picks who makes the next step, and what breaks."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.contracts import operations as ops
from tests.contract import store_words as say
from tests.contract.store_house import Attempt, Delivery, House
from tests.contract.store_letter_rules import LetterRules
from tests.contract.store_oracles import Oracle
from tests.contract.store_worlds import World

T = TypeVar("T")
MOST_JOBS = 3
MOST_FAULTS = 2
QUIET_WITHIN_SECONDS = 240
any_number = st.integers(0, 23)


ENDS: dict[str, Callable[[Any, str], ops.Settle]] = {
    "succeed": lambda record, right: say.succeed_of(record, right, progress=say.PROGRESS),
    "retry": say.retry_of,
    "crash": say.crash_of,
    "fail": say.fail_of,
    "release": say.release_of,
    "stop": say.stop_of,
}


class StoreMachine(LetterRules):
    """One example: a house, its faults, and in the end the quiet in which all must be settled."""

    def __init__(self, make_world: Callable[[], World]) -> None:
        super().__init__()
        self.house = House(make_world())
        self.oracle = Oracle(self.house)
        self.faults_left = MOST_FAULTS
        self.snapshot: object | None = None
        self.progressed = 0
        self.broker_broke = False

    # --- the usual

    @initialize(
        keep=st.booleans(),
        delay=st.sampled_from([None, None, 4_000]),
        late=st.booleans(),
        soon=st.sampled_from(["nothing", "roll back", "heartbeat", "succeed", "release"]),
        ends=st.sampled_from([None, None, None, *sorted(ENDS)]),
    )
    def begin(self, keep: bool, delay: int | None, late: bool, soon: str, ends: str | None) -> None:
        """Begin in the middle: else most examples never get as far as a ghost."""
        self.house.tick()
        self.house.submit(None)
        if keep:
            self.keep_a_snapshot()
        self.run_errands()
        self.deliver_ready()
        if ends:
            self.house.settle(self.attempt(0), ENDS[ends])
        expires_at = self.house.world.now + delay if delay and late else None
        self.house.submit(1, delay=delay, expires_at=expires_at)
        if keep and soon == "roll back":
            self.store_forgets("roll back", meanwhile=late, what_next="rush")
        elif soon in {"heartbeat", *ENDS}:
            self.take_over(beats=False, ghost=soon)

    @precondition(lambda self: len(self.house.jobs) < MOST_JOBS)
    @rule(
        key=st.sampled_from([None, 1]),
        delay=st.sampled_from([None, 4_000]),
        expires=st.sampled_from([None, None, 3_000, 4_000]),
    )
    def submit(self, key: int | None, delay: int | None, expires: int | None) -> None:
        expires_at = expires and self.house.world.now + expires
        self.house.submit(key, delay=delay, expires_at=expires_at)

    @precondition(lambda self: self.house.errands)
    @rule(which=any_number)
    def step_errand(self, which: int) -> None:
        self.house.step(pick(self.house.errands, which))

    @precondition(lambda self: self.house.errands)
    @rule(which=any_number)
    def crash_errand(self, which: int) -> None:
        errand = pick(self.house.errands, which)
        self.house.crash_errand(errand)
        if errand.accepts and which % 2:
            self.house.cancel(errand.message.job, only_unconfirmed=True)

    @precondition(lambda self: self.ready())
    @rule(which=any_number, twice=st.booleans(), paused=st.sampled_from([False] * 5 + [True]))
    def deliver(self, which: int, twice: bool, paused: bool) -> None:
        self.house.deliver(pick(self.ready(), which), twice=twice, paused=paused)

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number)
    def heartbeat(self, which: int) -> None:
        self.house.heartbeat(self.attempt(which))

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number)
    def progress(self, which: int) -> None:
        self.progressed += 1
        self.house.progress(self.attempt(which), self.progressed)

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number, how=st.sampled_from(sorted(ENDS)))
    def settle(self, which: int, how: str) -> None:
        self.house.settle(self.attempt(which), ENDS[how])

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number)
    def fail_until_the_next_claim(self, which: int) -> None:
        """Let a retry come round at once: the rows that need a history are rare otherwise."""
        self.house.settle(self.attempt(which), say.crash_of if which % 2 else ENDS["retry"])
        self.house.pass_time(2_000)
        self.run_errands()
        self.deliver_ready()

    @precondition(lambda self: self.house.jobs)
    @rule(which=any_number)
    def cancel(self, which: int) -> None:
        self.house.cancel(pick(sorted(self.house.jobs), which))

    @rule()
    def submit_under_a_known_key(self) -> None:
        self.house.submit(1)

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number, how=st.sampled_from(sorted(ENDS)))
    def cancel_what_runs(self, which: int, how: str) -> None:
        attempt = self.attempt(which)
        self.house.cancel(attempt.message.job)
        self.house.heartbeat(attempt)
        if attempt in self.house.attempts:
            self.house.settle(attempt, ENDS[how])

    # --- time and housekeeping

    @rule(seconds=st.sampled_from([0, 1, 3, 6, 25]), beats=st.booleans())
    def time_passes(self, seconds: int, beats: bool) -> None:
        for second in range(seconds):
            self.house.tick()
            self.house.pass_time(1_000)
            if beats and second % 5 == 0:
                for attempt in list(self.house.attempts):
                    self.house.heartbeat(attempt)
        self.house.tick()

    @rule(
        ticks=st.booleans(),
        limit=st.sampled_from([1, 100]),
        overdue=st.sampled_from(["", "looks", "guesses", "spares"]),
    )
    def sweep(self, ticks: bool, limit: int, overdue: str) -> None:
        if ticks:
            self.house.tick()
        self.house.sweep(limit)
        if overdue:
            wrong = overdue != "looks"
            self.house.find_overdue(guesses=wrong, spares=overdue == "spares")

    @rule(beats=st.booleans(), ghost=st.sampled_from([*["heartbeat"] * 4, *sorted(ENDS)]))
    def take_over(self, beats: bool, ghost: str) -> None:
        """Leases run out, the sweeper comes, somebody else is at hand; then the first speaks."""
        before = list(self.house.attempts)
        self.time_passes(16, beats)
        self.house.sweep()
        self.run_errands()
        self.deliver_ready()
        for attempt in [one for one in before if one in self.house.attempts]:
            self.house.progress(attempt, 1_000 + self.progressed)
            if ghost in ENDS:
                self.house.settle(attempt, ENDS[ghost])
            else:
                self.house.heartbeat(attempt)

    @rule(ms=st.sampled_from([2_000, 3_001, 16_000]), ticks=st.booleans())
    def outage(self, ms: int, ticks: bool) -> None:
        """Nobody could tick or renew; the sweeper is the first to come back."""
        self.house.pass_time(ms)
        self.sweep(ticks, 100, "")

    @precondition(lambda self: self.house.dead)
    @rule(which=any_number, by_broker=st.booleans())
    def archive(self, which: int, by_broker: bool) -> None:
        self.house.archive(pick(self.house.dead, which), by_broker=by_broker)

    # --- what breaks

    @precondition(lambda self: not self.broker_broke)
    @rule(
        which=st.sampled_from([-1, -1, -1, 0, 1]),
        waits=st.sampled_from([True, True, False]),
        seconds=st.sampled_from([25, 25, 0]),
    )
    def broker_forgets(self, which: int, waits: bool, seconds: int) -> None:
        """It loses one message; or all, and every connection. Often while a job waits for it."""
        self.broker_broke = True
        if waits:
            self.house.submit(None)
            self.run_errands()
            self.oracle.look()
        if which < 0:
            self.house.wipe_broker()
        elif self.house.broker:
            self.house.lose([pick(self.house.broker, which)])
        self.time_passes(seconds, beats=True)
        self.house.find_overdue()

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number)
    def worker_dies(self, which: int) -> None:
        self.house.end(self.attempt(which), self.house.broker)

    @precondition(lambda self: self.house.attempts)
    @rule(which=any_number)
    def worker_is_cut_off(self, which: int) -> None:
        self.house.cut_off(self.attempt(which))

    @precondition(lambda self: self.ready())
    @rule(which=any_number)
    def broker_gives_up(self, which: int) -> None:
        delivery = pick(self.ready(), which)
        self.house.broker.remove(delivery)
        self.house.dead.append(delivery)

    def keep_a_snapshot(self) -> None:
        self.snapshot = self.house.world.snapshot()
        self.house.acked.clear()

    @precondition(lambda self: self.faults_left)
    @rule(
        how=st.sampled_from(["wipe", "roll back", "change epoch"]),
        meanwhile=st.booleans(),
        what_next=st.sampled_from(["nothing", "rush", "cancel"]),
    )
    def store_forgets(self, how: str, meanwhile: bool, what_next: str) -> None:
        """The store forgets; in the rush all connections break and every message comes again."""
        self.faults_left -= 1
        self.house.tick()
        if how == "roll back" and self.snapshot is None:
            self.keep_a_snapshot()
        if meanwhile and self.house.attempts:  # this will be forgotten, but its message will not
            self.house.settle(self.attempt(0), say.crash_of)
            self.run_errands()
        self.house.pass_time(1)
        silent = {job for job in self.house.jobs if not self.house.has_message(job)}
        if how == "wipe":
            self.house.world.wipe()
        elif how == "roll back":
            self.house.world.restore(self.snapshot)
            silent &= self.house.acked
        else:
            self.house.world.change_epoch()
            silent.clear()
        self.oracle.forget()
        self.house.forget(silent)
        if what_next == "rush":
            for attempt in self.house.attempts:
                self.house.cut_off(attempt)
        elif what_next == "cancel":
            self.house.cancel(min(self.house.jobs))
        if what_next != "nothing":
            self.deliver_ready()

    # --- what must hold

    @invariant()
    def all_is_well(self) -> None:
        self.oracle.look()

    def teardown(self) -> None:
        """Nothing breaks any more: everybody does his work until there is none."""
        house = self.house
        for _ in range(QUIET_WITHIN_SECONDS):
            house.tick()
            house.sweep()
            house.find_overdue()
            self.run_errands()
            for delivery in list(house.dead):
                house.archive(delivery, by_broker=True)
            self.deliver_ready()
            for attempt in list(house.attempts):
                house.heartbeat(attempt)
            for attempt in [one for one in house.attempts if not one.frozen]:
                house.settle(attempt, ENDS["succeed"])
            if not self.has_work():
                break
            house.pass_time(1_000)
        self.oracle.check_quiet()

    # --- short cuts

    def has_work(self) -> bool:
        house = self.house
        indexes = any(house.world.indexes().values())
        return bool(indexes or house.broker or house.dead or house.errands or house.attempts)

    def ready(self) -> list[Delivery]:
        return [one for one in self.house.broker if one.ready_at <= self.house.world.now]

    def attempt(self, which: int) -> Attempt:
        return pick(self.house.attempts, which)

    def run_errands(self) -> None:
        for errand in list(self.house.errands):
            while errand in self.house.errands:
                self.house.step(errand)

    def deliver_ready(self) -> None:
        for delivery in self.ready():
            self.house.deliver(delivery, twice=False, paused=False)


def machine_on(make_world: Callable[[], World]) -> type[RuleBasedStateMachine]:
    """Return the machine for stores that `make_world` makes, one for each example."""

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(make_world)

    return Machine


def pick(some: Sequence[T], which: int) -> T:
    """Choose one of what there is."""
    return some[which % len(some)]
