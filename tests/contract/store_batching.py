"""Batches of submits and confirms that meet each other, single ones and jobs that move on.

Nothing is said here of what is right: the fake takes a batch one by one, and both stores must
answer and stand the same (`TwinWorld`).
"""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.contracts import operations as ops
from shared.contracts.answers import Submitted
from shared.contracts.batches import ConfirmMany, SubmitMany
from shared.contracts.feed import ReadFeed
from shared.contracts.job import OnConflict
from shared.contracts.listing import EVERY_JOB, FeedPlace, JobFilter
from shared.contracts.queues import SurveyQueues
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

MOST_OF_A_BATCH = 6
MOST_JOBS = 15
QUOTA = 7
TYPES, QUEUES = ("csv.profile", "mail.send"), ("default", "bulk")
LABELS: tuple[dict[str, str], ...] = ({}, {"n": "1"})
LISTS = (
    *(JobFilter(type=type_) for type_ in TYPES),
    *(JobFilter(queue=queue) for queue in QUEUES),
    JobFilter(labels=LABELS[1]),
)
any_number = st.integers(0, 23)

keys = st.none() | st.builds(
    ops.IdempotencyKey, hash=st.sampled_from(["aa", "bb", "cc"]), fingerprint=st.just("11")
)
mostly_plain = st.sampled_from([None, None, None, None, None, "u"])
asks = st.fixed_dictionaries(
    {
        "again": st.sampled_from([None] * 11 + [0]),  # a job that has been asked for before
        "key": st.none() | keys,
        "unique_key": mostly_plain,
        "on_conflict": st.sampled_from(OnConflict),
        "quota": st.sampled_from([None, QUOTA]),
        "delay": st.sampled_from([None, None, None, 4_000]),
        "labels": st.sampled_from(LABELS),
        "type": st.sampled_from(TYPES),
        "queue": st.sampled_from(QUEUES),
        "priority": st.sampled_from([5, 5, 9]),
        "traceparent": st.sampled_from([None, say.TRACEPARENT]),
        "expires_at": st.none(),
    }
)


class BatchMachine(RuleBasedStateMachine):
    """One example: a tenant's jobs, all that were ever asked for."""

    def __init__(self, make_world: Callable[[], World]) -> None:
        super().__init__()
        self.world = make_world()
        self.asked: list[ops.Submit] = []

    @initialize()
    def begin(self) -> None:
        self.world.do(ops.Tick(tenant=TENANT, lease=say.LEASE))

    @precondition(lambda self: len(self.asked) < MOST_JOBS)
    @rule(
        wanted=st.lists(asks, max_size=MOST_OF_A_BATCH),
        atomic=st.sampled_from([False] * 3 + [True]),
    )
    def submit_many(self, wanted: list[dict[str, Any]], atomic: bool) -> None:
        jobs = tuple(self.submit_of(one) for one in wanted)
        self.asked += jobs
        answers = self.world.do(SubmitMany(tenant=TENANT, jobs=jobs, atomic=atomic))
        assert len(answers) == len(jobs)

    @precondition(lambda self: len(self.asked) < MOST_JOBS)
    @rule(wanted=asks)
    def submit(self, wanted: dict[str, Any]) -> None:
        job = self.submit_of(wanted)
        self.asked.append(job)
        answer: Submitted = self.world.do(job)
        assert answer.verdict

    @rule(which=st.lists(any_number, max_size=MOST_OF_A_BATCH), dispatch=st.sampled_from([1, 1, 2]))
    def confirm_many(self, which: list[int], dispatch: int) -> None:
        pairs = tuple((self.job(number), dispatch) for number in which)
        self.world.do(ConfirmMany(tenant=TENANT, dispatches=pairs))

    @rule(which=any_number)
    def confirm(self, which: int) -> None:
        self.world.do(ops.Confirm(tenant=TENANT, job=self.job(which), dispatch=1))

    @rule(which=any_number, ends=st.sampled_from(["cancel", "run", "succeed", "retry"]))
    def move_on(self, which: int, ends: str) -> None:
        job = self.job(which)
        if ends == "cancel":
            self.world.do(say.cancel_of(job))
            return
        record = self.world.do(ops.Read(tenant=TENANT, job=job))
        right = say.token()
        claimed = record and say.claim(self.world, record, token=right).job
        if claimed and ends == "succeed":
            self.world.do(say.succeed_of(claimed, right))
        elif claimed and ends == "retry":
            self.world.do(say.retry_of(claimed, right))

    @rule(seconds=st.sampled_from([1, 6, 11]))
    def pass_time(self, seconds: int) -> None:
        say.tick(self.world, seconds)
        self.world.do(say.SWEEP)

    @invariant()
    def both_stand_the_same(self) -> None:
        self.list_jobs(EVERY_JOB)
        self.world.do(ReadFeed(tenant=TENANT, after=FeedPlace("", 0)))
        self.world.do(SurveyQueues(tenant=TENANT))
        self.world.index("outbox")
        self.world.index("due")

    def teardown(self) -> None:
        for job in {one.job for one in self.asked}:
            self.world.do(ops.Locate(tenant=TENANT, job=job))
        for wanted in LISTS:
            self.list_jobs(wanted)

    def list_jobs(self, wanted: JobFilter) -> None:
        self.world.do(ops.ListJobs(tenant=TENANT, before=None, limit=200, filter=wanted))

    def submit_of(self, wanted: dict[str, Any]) -> ops.Submit:
        facts = dict(wanted)
        again = facts.pop("again")
        if again is not None and self.asked:
            return self.asked[again - 1]
        if facts["traceparent"] is None:
            facts["tracestate"] = None  # there is none without the other
        return say.submit_of(self.world, **facts)

    def job(self, number: int) -> str:
        if not self.asked:
            return say.job_id(self.world.now)
        return self.asked[number % len(self.asked)].job


def batch_machine_on(make_world: Callable[[], World]) -> type[RuleBasedStateMachine]:
    """Return the machine for stores that `make_world` makes, one for each example."""

    class Machine(BatchMachine):
        def __init__(self) -> None:
            super().__init__(make_world)

    return Machine
