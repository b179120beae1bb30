"""Keys that only one living job has, a quota, lists, callbacks and retention: rules and oracle."""

from collections.abc import Callable
from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.contracts import operations as ops
from shared.contracts.callbacks import ClearCallback, DueCallbacks
from shared.contracts.job import DEFAULT_RETENTION, JobRecord, OnConflict
from shared.contracts.lifecycle import FINAL_STATES
from shared.contracts.listing import EVERY_JOB, JobFilter
from shared.contracts.retention import DeleteEnded
from tests.contract import store_letters as operators
from tests.contract import store_words as say
from tests.contract.store_house import House
from tests.contract.store_machine import StoreMachine
from tests.contract.store_worlds import TENANT, World

MOST_JOBS = 5
CALLBACK = "https://example.com/told"
BRIEF, LONG = 2_000, 3_600_000
AGAIN = 15_000  # a callback that is not cleared comes again
A_DAY = 24 * 3_600_000


@dataclass
class KeepingOracle:
    """What must hold of keys, lists, callbacks and retention."""

    house: House
    told: set[tuple[str, int]] = field(default_factory=set)  # ends that were handed on

    def records(self) -> list[JobRecord]:
        found = (self.house.world.do(ops.Read(tenant=TENANT, job=job)) for job in self.house.jobs)
        return [record for record in found if record]

    def look(self) -> None:
        """Check everything."""
        house, records = self.house, self.records()
        for job in house.deleted:
            assert all(record.id != job for record in records), "a deleted job came back"
        kept = {one.id for one in records if one.final and one.dead_letter is None}
        assert house.world.index("kept").keys() == kept, "kept is not what has ended"
        assert self.listed(EVERY_JOB) == {one.id for one in records}, "not every job is listed"
        for state in {one.state for one in records}:
            expected = {one.id for one in records if one.state is state}
            assert self.listed(JobFilter(state=state)) == expected, f"not all {state} are listed"
        living = [one.unique_key for one in records if one.unique_key and not one.final]
        assert house.forgetful or len(living) == len(set(living)), "two living jobs with one key"

    def listed(self, wanted: JobFilter) -> set[str]:
        page = self.house.world.do(
            ops.ListJobs(tenant=TENANT, before=None, limit=200, filter=wanted)
        )
        return {job.id for job in page.jobs}

    def hand_on(self, *, clear: bool) -> None:
        """Do what the duty does with a batch of callbacks."""
        for one in self.house.world.do(DueCallbacks(tenant=TENANT, limit=2)):
            assert one.job.callback_url
            assert one.state in FINAL_STATES, "told of no end"
            assert (one.job.id, one.step) not in self.told or self.house.forgetful, "told twice"
            if clear:
                self.told.add((one.job.id, one.step))
                cleared = ClearCallback(tenant=TENANT, job=one.job.id, step=one.step)
                assert self.house.world.do(cleared)

    def delete(self, limit: int) -> bool:
        """Do what the duty does with a batch of ended jobs; return whether there are more."""
        world = self.house.world
        before = {record.id: record for record in self.records()}
        self.house.touched |= self.house.jobs.keys()
        deleted = world.do(DeleteEnded(tenant=TENANT, limit=limit))
        for job in deleted.jobs:
            self.check_deleted(before[job])
        self.house.ever_deleted |= set(deleted.jobs)
        self.house.deleted |= set(deleted.jobs)
        return deleted.more

    def check_deleted(self, job: JobRecord) -> None:
        assert job.final, "a living job was deleted"
        assert job.dead_letter is None, "a dead letter was deleted"
        since = job.discarded.at if job.discarded else job.finished_at
        assert since is not None
        assert self.house.world.now >= since + job.retention, "deleted too soon"
        if job.key_hash:
            assert self.house.world.now >= job.created_at + A_DAY, "its key was still alive"
        if job.callback_url and not self.house.forgetful:
            assert (job.id, job.step) in self.told, "nobody was told of its end"

    def check_quiet(self) -> None:
        """Check that at last each end is told, and that all is deleted but the dead letters."""
        ends = {
            (record.id, step)
            for record in self.records()
            if record.callback_url
            for step in self.final_steps(record.id)
        }
        for _ in range(MOST_JOBS * 3):
            self.hand_on(clear=True)
            self.house.world.now += AGAIN
        assert self.house.forgetful or ends <= self.told, "an end was never told"
        self.house.world.now += DEFAULT_RETENTION
        while self.delete(limit=2):
            pass
        self.look()
        assert all(record.dead_letter for record in self.records()), "kept for ever"

    def final_steps(self, job: str) -> list[int]:
        position = self.house.world.do(ops.Locate(tenant=TENANT, job=job))
        assert position
        return [step.step for step in position.steps if step.state in FINAL_STATES]


class KeepingRules(RuleBasedStateMachine):
    """What makes jobs with keys, ends them and clears them away."""

    house: House
    keeping: KeepingOracle

    @precondition(lambda self: len(self.house.jobs) < MOST_JOBS)
    @rule(
        unique=st.sampled_from([None, "a", "a"]),
        on_conflict=st.sampled_from(OnConflict),
        quota=st.sampled_from([None, None, 2]),
        retention=st.sampled_from([BRIEF, LONG]),
        callback=st.sampled_from([None, CALLBACK]),
        key=st.sampled_from([None, None, 1]),
    )
    def submit_with_a_key(
        self,
        *,
        unique: str | None,
        on_conflict: OnConflict,
        quota: int | None,
        retention: int,
        callback: str | None,
        key: int | None,
    ) -> None:
        self.house.submit(
            key,
            unique_key=unique,
            on_conflict=on_conflict,
            quota=quota,
            retention=retention,
            callback_url=callback,
        )

    @precondition(lambda self: self.house.attempts and len(self.house.jobs) < MOST_JOBS)
    @rule(which=st.integers(0, 23), another=st.booleans())
    def redrive_beside_another(self, which: int, another: bool) -> None:
        """A job fails; another with its key may come before it is redriven, and one does after."""
        attempt = self.house.attempts[which % len(self.house.attempts)]
        self.house.settle(attempt, say.fail_of)
        if another:
            self.house.submit(None, unique_key="a", retention=LONG)
        operators.redrive(self.house, attempt.message.job)
        self.house.submit(None, unique_key="a", retention=LONG)

    @rule(clear=st.booleans())
    def hand_on_callbacks(self, clear: bool) -> None:
        self.keeping.hand_on(clear=clear)

    @rule(limit=st.sampled_from([1, 100]))
    def delete_what_has_ended(self, limit: int) -> None:
        self.keeping.delete(limit)

    @precondition(lambda self: not self.house.attempts)
    @rule(hours=st.sampled_from([0, 2, 26]))
    def a_quiet_time(self, hours: int) -> None:
        self.house.tick()
        self.house.pass_time(BRIEF + hours * 3_600_000)
        self.house.tick()
        self.keeping.delete(100)


class KeepingMachine(KeepingRules, StoreMachine):
    """The usual machine with these rules."""

    def __init__(self, make_world: Callable[[], World]) -> None:
        super().__init__(make_world)
        self.keeping = KeepingOracle(self.house)

    @precondition(lambda self: len(self.house.jobs) < MOST_JOBS)
    @rule(
        callback=st.sampled_from([None, CALLBACK]),
        told=st.booleans(),
        late=st.sampled_from(["nothing", "news", "another epoch"]),
    )
    def come_and_go(self, callback: str | None, told: bool, late: str) -> None:
        """A job has ended and is deleted; then its message comes again."""
        house, known = self.house, set(self.house.jobs)
        house.submit(None, retention=BRIEF, callback_url=callback)
        self.run_errands()
        for delivery in [one for one in self.ready() if one.message.job not in known]:
            house.deliver(delivery, twice=True, paused=False)
        for attempt in [one for one in house.attempts if one.message.job not in known]:
            house.settle(attempt, say.succeed_of)
        if told:
            self.keeping.hand_on(clear=True)
        house.pass_time(BRIEF)
        self.keeping.delete(100)
        if late == "another epoch" and self.faults_left:
            self.store_forgets("change epoch", meanwhile=False, what_next="nothing")
        if late != "nothing":
            self.time_passes(16, beats=True)
            self.deliver_ready()

    @invariant()
    def all_is_well(self) -> None:
        touched = bool(self.house.touched)
        self.oracle.look()
        if touched:
            self.keeping.look()

    def teardown(self) -> None:
        super().teardown()
        self.keeping.check_quiet()


def keeping_machine_on(make_world: Callable[[], World]) -> type[RuleBasedStateMachine]:
    """Return the machine for stores that `make_world` makes, one for each example."""

    class Machine(KeepingMachine):
        def __init__(self) -> None:
            super().__init__(make_world)

    return Machine
