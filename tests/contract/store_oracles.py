"""What must hold after every step, told from outside: reliability's I1-I5, I7, I8."""

from dataclasses import dataclass, field

import msgspec

from shared.contracts import operations as ops
from shared.contracts.answers import Position, Step
from shared.contracts.feed import ReadFeed
from shared.contracts.job import JobRecord, Outcome
from shared.contracts.lifecycle import FINAL_STATES, TRANSITIONS, State
from shared.contracts.listing import FeedPlace
from shared.contracts.queues import SurveyOutbox, SurveyQueues
from tests.contract.store_house import House
from tests.contract.store_letters import LetterOracle
from tests.contract.store_worlds import TENANT

UNCOUNTED = {Outcome.INTERRUPTED, Outcome.WORKER_LOST}
COUNTED = (State.SCHEDULED, State.RUNNING, State.RETRYING)
WAITS_FOR_TIME = {State.SCHEDULED, State.RETRYING}
ARROWS = {(state, to) for state, events in TRANSITIONS.items() for to in events.values()}


@dataclass
class Oracle:
    """Remembers what it has seen of each job since the store last forgot something."""

    house: House
    seen: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    revisions: dict[str, int] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.letters = LetterOracle(self.house)

    def forget(self) -> None:
        self.seen.clear()
        self.revisions.clear()

    def look(self) -> None:
        """Check everything."""
        indexes = {name: set(found) for name, found in self.house.world.indexes().items()}
        states = self.states
        records: dict[str, JobRecord | None] = {}
        for job in self.house.touched & self.house.jobs.keys():
            states.pop(job, None)
            record = self.house.world.do(ops.Read(tenant=TENANT, job=job))
            records[job] = record
            position = self.house.world.do(ops.Locate(tenant=TENANT, job=job))
            if record is None or position is None:
                assert record is None
                assert position is None
                continue
            states[job] = record.state
            self.check_history(record, position)
            check_numbers(
                record,
                exactly=not self.house.forgetful,
                before=self.house.lives.get(job, 0),
            )
            self.check_owned(record, indexes)
        self.letters.look(records)
        self.house.touched.clear()
        running = {job for job, state in states.items() if state is State.RUNNING}
        assert indexes["leases"] == running, "a lease without a run, or a run without a lease"
        waiting = {job for job, state in states.items() if state in WAITS_FOR_TIME}
        assert indexes["due"] == waiting, "due is not what waits for its time"
        for job in self.house.jobs:
            assert len(self.house.at_work(job)) <= 1, "two attempts of one job at work"
        queued = {job for job, state in states.items() if state is State.QUEUED}
        assert indexes["waiting"] == queued - indexes["outbox"], "waiting is not what is confirmed"
        self.check_counted(queued - indexes["outbox"])
        owed = self.house.world.do(SurveyOutbox(tenant=TENANT))
        assert owed.entries == len(indexes["outbox"]), "not all that is owed is told"
        ended = {job for job, state in states.items() if state in FINAL_STATES}
        assert not indexes["outbox"] & ended, "an ended job still owes a message"
        assert not indexes["outbox"] - states.keys(), "a message is owed for no job"

    def check_counted(self, waiting: set[str]) -> None:
        tallies = self.house.world.do(SurveyQueues(tenant=TENANT)).values()
        assert sum(tally.depth for tally in tallies) == len(waiting), "not all that waits is told"
        for state in COUNTED:
            told = sum(tally.elsewhere[state] for tally in tallies)
            stands = sum(one is state for one in self.states.values())
            assert told == stands, f"{told} are told as {state}, not {stands}"

    def check_history(self, record: JobRecord, position: Position) -> None:
        steps = position.steps
        assert [step.step for step in steps] == list(range(1, len(steps) + 1)), "a hole in steps"
        assert (record.step, record.state) == (steps[-1].step, steps[-1].state)
        assert (position.step, position.state) == (record.step, record.state)
        assert position.revision == record.revision >= self.revisions.get(record.id, 0)
        before = self.seen.get(record.id, ())
        assert steps[: len(before)] == before, "the past has changed"
        self.seen[record.id], self.revisions[record.id] = steps, record.revision
        previous: State | None = None
        for step in steps[len(before) :]:
            frame = msgspec.json.decode(step.frame)
            told = (frame["job"], frame["step"], frame["state"], frame["type"])
            assert told == (record.id, step.step, step.state, "transition")
        for step in steps:
            assert (previous, step.state) in ARROWS, f"{previous} to {step.state}"
            previous = step.state

    def check_owned(self, record: JobRecord, indexes: dict[str, set[str]]) -> None:
        if record.final:
            return
        job = record.id
        assert any(job in index for index in indexes.values()) or self.house.has_message(job), (
            f"nobody will ever move {job}, {record.state}"
        )

    def check_quiet(self) -> None:
        """Check that nothing is left to do: what was accepted has come to its end."""
        self.look()
        self.house.world.do(ReadFeed(tenant=TENANT, after=FeedPlace("", 0)))
        for job in self.house.accepted:
            record = self.house.world.do(ops.Read(tenant=TENANT, job=job))
            if record is None:
                gone = self.house.stranded | self.house.ever_deleted
                assert job in gone, f"{job} was accepted and is gone"
            else:
                assert record.final, f"{job} was accepted and is {record.state}"


def check_numbers(record: JobRecord, *, exactly: bool, before: int) -> None:
    """Check that attempts are counted as they should be, and bounded; `before`: of former lives."""
    assert record.spent <= record.max_attempts
    assert record.state is not State.RETRYING or record.cancel_requested_at is None
    assert record.crashes <= 2
    outcomes = [one.outcome for one in record.attempts[before:] if one.outcome]
    found = (
        sum(outcome not in UNCOUNTED for outcome in outcomes),
        outcomes.count(Outcome.CRASHED),
        outcomes.count(Outcome.WORKER_LOST),
    )
    counted = (record.spent, record.crashes, record.losses)
    assert not exactly or found == counted, "attempts used, crashes, losses"
    numbers = [one.number for one in record.attempts]
    for one, following in zip(record.attempts, numbers[1:], strict=False):
        assert following >= one.number + (one.outcome not in UNCOUNTED), "a number was reused"
    if numbers:
        assert record.attempt == numbers[-1]
