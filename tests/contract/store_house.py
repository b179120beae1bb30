"""A whole house around a store, one step at a time: gateway, workers, sweeper, archivist, broker.

Every step is one operation or one message, so that a test may put any other step, or a crash,
between two of them. A crash is an actor that forgets. The broker is a bag: it may hand out its
messages in any order, twice or late, and gives back what was not acked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shared.contracts import operations as ops
from shared.contracts.answers import (
    ArchiveVerdict,
    CancelVerdict,
    ClaimVerdict,
    RenewalVerdict,
    Settled,
    SettleVerdict,
    SubmitVerdict,
)
from shared.contracts.commands import RunJob
from shared.contracts.operations import Operation
from shared.contracts.overdue import FindOverdue, QueueNews
from shared.contracts.topology import work_queue, work_queues
from tests.contract import store_words as say
from tests.contract.store_answers import assert_same
from tests.contract.store_refusals import NO_JOB, check_refused
from tests.contract.store_worlds import TENANT, World

A = TypeVar("A")
FREEZES_AFTER = say.LEASE - 3_000
TICK_GAP = 3_000
EVERY_THIRD = 3
OVERDUE = 20_000
AMQP_QUEUES = work_queues("default")


@dataclass(eq=False)
class Delivery:
    """A message in the broker, handed out from `ready_at` on."""

    message: RunJob
    ready_at: int


@dataclass(eq=False)
class Errand:
    """Somebody who publishes a message, has it confirmed, and then acks the one he holds."""

    message: RunJob
    delay: int
    holds: RunJob | None
    gives_back: list[Delivery]
    accepts: bool = False  # a gateway: the confirm is its 202
    published: bool = False


@dataclass(eq=False)
class Attempt:
    """A slot at work, and the zygote's rule for it: without a renewal it freezes."""

    message: RunJob
    token: str
    worker: str
    renewed_at: int
    frozen: bool = False
    cut_off: bool = False  # its connection is lost: the broker has its message back


@dataclass
class House:
    """What exists outside the store, and what the steps do to it."""

    world: World
    broker: list[Delivery] = field(default_factory=list)
    dead: list[Delivery] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    jobs: dict[str, RunJob] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    acked: set[str] = field(default_factory=set)  # since the last snapshot
    stranded: set[str] = field(default_factory=set)
    called_off: set[str] = field(default_factory=set)
    lives: dict[str, int] = field(default_factory=dict)  # attempts before the redrive
    discarded: set[str] = field(default_factory=set)
    forgetful: bool = False  # the store has forgotten something
    deleted: set[str] = field(default_factory=set)  # by retention
    ever_deleted: set[str] = field(default_factory=set)
    holders: dict[str, str | None] = field(default_factory=dict)  # None: the store forgot
    ready_at: dict[str, int] = field(default_factory=dict)  # when a queue was last not empty
    handed: dict[str, int] = field(default_factory=dict)
    ticked_at: int | None = None
    hold_until: int = 0
    epoch_changed: bool = False
    asked: int = 0
    touched: set[str] = field(default_factory=set)  # jobs that somebody asked about

    def ask(self, operation: Operation[A], job: str) -> A:
        """Ask; every third answer is lost on its way, so the same is asked again."""
        self.touched.add(job)
        self.asked, answer = self.asked + 1, self.world.do(operation)
        if self.asked % EVERY_THIRD == 0:
            assert_same(self.world.do(operation), answer, operation)
        return answer

    # --- gateway

    def submit(self, key: int | None, **changes: Any) -> None:
        bound = key and ops.IdempotencyKey(hash=f"{key:02x}", fingerprint="11")
        asked = say.submit_of(self.world, key=bound or None, max_attempts=3, **changes)
        answer = self.ask(asked, asked.job)
        if answer.verdict in NO_JOB:
            check_refused(self.world, asked, answer)
            return
        job = answer.job
        assert job, answer
        if answer.verdict is SubmitVerdict.ACCEPTED:
            assert job.id == asked.job
            self.jobs[job.id] = RunJob.of(job)
        if answer.verdict is SubmitVerdict.REPLAYED:
            self.accepted.add(job.id)
            return
        self.errands.append(Errand(RunJob.of(job), 0, None, self.broker, accepts=True))

    def cancel(self, job: str, *, only_unconfirmed: bool = False) -> CancelVerdict:
        asked = say.cancel_of(job, grace=5_000, only_unconfirmed=only_unconfirmed)
        verdict = self.ask(asked, job).verdict
        if verdict in {CancelVerdict.CANCELLED, CancelVerdict.REQUESTED, CancelVerdict.TOMBSTONED}:
            self.called_off.add(job)
        return verdict

    # --- whoever publishes

    def step(self, errand: Errand) -> None:
        """Publish; or, when that is done, hear the confirm and ack."""
        if not errand.published:
            errand.published = True
            self.broker.append(Delivery(errand.message, self.world.now + errand.delay))
            return
        self.errands.remove(errand)
        dispatch = errand.message.options.dispatch
        self.touched.add(errand.message.job)
        self.world.do(ops.Confirm(tenant=TENANT, job=errand.message.job, dispatch=dispatch))
        if errand.accepts:
            self.accepted.add(errand.message.job)
        if errand.holds:
            self.ack(errand.holds)

    def crash_errand(self, errand: Errand) -> None:
        self.errands.remove(errand)
        if errand.holds:
            errand.gives_back.append(Delivery(errand.holds, self.world.now))

    def ack(self, message: RunJob) -> None:
        self.acked.add(message.job)

    # --- worker

    def deliver(self, delivery: Delivery, *, twice: bool, paused: bool) -> None:
        if not twice:
            self.broker.remove(delivery)
        message, right = delivery.message, say.token()
        worker = f"w{len(self.attempts)}"
        asked = say.claim_of(message, token=right, worker=worker, paused=paused)
        answer = self.ask(asked, message.job)
        match answer.verdict:
            case ClaimVerdict.RUN:
                assert answer.job
                assert answer.job.dispatch == message.options.dispatch, "not the current message"
                assert message.job not in self.called_off, "it was called off"
                self.holders[message.job] = right
                self.attempts.append(Attempt(message, right, worker, self.world.now))
            case ClaimVerdict.LIVE | ClaimVerdict.NOT_DUE | ClaimVerdict.PAUSED:
                assert answer.delay > 0
                self.errands.append(Errand(message, answer.delay, message, self.broker))
            case ClaimVerdict.POISON | ClaimVerdict.EXHAUSTED:
                self.dead.append(Delivery(message, self.world.now))
            case _ if answer.publish:
                self.errands.append(Errand(answer.publish, 0, message, self.broker))
            case _:
                self.ack(message)

    def heartbeat(self, attempt: Attempt) -> None:
        job = attempt.message.job
        asked = ops.Heartbeat(
            tenant=TENANT,
            message=attempt.message,
            token=attempt.token,
            worker=attempt.worker,
            lease=say.LEASE,
        )
        verdict = self.ask(asked, job).verdict
        self.expect(attempt, holds=verdict is not RenewalVerdict.LOST)
        if verdict is RenewalVerdict.LOST:
            self.end(attempt, self.broker)
            return
        self.holders[job] = attempt.token
        if verdict is RenewalVerdict.OK:
            attempt.frozen = False
        attempt.renewed_at = self.world.now

    def expect(self, attempt: Attempt, *, holds: bool) -> None:
        """The store answered as to the holder, or as to a stranger: was that right?"""
        holder = self.holders.get(attempt.message.job)
        if holder is not None:
            assert holds == (holder == attempt.token), "fencing"

    def progress(self, attempt: Attempt, number: int) -> None:
        asked = ops.Progress(
            tenant=TENANT,
            job=attempt.message.job,
            token=attempt.token,
            number=number,
            progress=say.PROGRESS,
        )
        self.expect(attempt, holds=self.ask(asked, asked.job))

    def settle(self, attempt: Attempt, how: Callable[[Any, str], ops.Settle]) -> Settled:
        """End the attempt; its worker goes on with what follows from the answer."""
        record = self.world.do(ops.Read(tenant=TENANT, job=attempt.message.job))
        if record is None:
            lost = Settled(verdict=SettleVerdict.LOST)
            self.end(attempt, self.broker)
            return lost
        operation = how(record, attempt.token)
        answer = self.ask(operation, record.id)
        ok = answer.verdict is SettleVerdict.OK
        self.expect(attempt, holds=ok)
        if not ok or isinstance(operation, ops.Release):
            self.end(attempt, self.broker)
        elif isinstance(operation, ops.Fail):
            self.end(attempt, self.dead)
        else:
            self.end(attempt, None, answer)
        if ok:
            self.holders[record.id] = "nobody"
        return answer

    def end(
        self, attempt: Attempt, goes_to: list[Delivery] | None, answer: Settled | None = None
    ) -> None:
        """The slot is over; its message is given back, or acked once the next is confirmed."""
        self.attempts.remove(attempt)
        holds = None if attempt.cut_off else attempt.message
        if answer and answer.publish:
            self.errands.append(Errand(answer.publish, answer.delay, holds, self.broker))
        elif holds and goes_to is None:
            self.ack(holds)
        elif holds and goes_to is not None:
            goes_to.append(Delivery(holds, self.world.now))

    def cut_off(self, attempt: Attempt) -> None:
        if not attempt.cut_off:
            attempt.cut_off = True
            self.broker.append(Delivery(attempt.message, self.world.now))

    # --- housekeeping

    def pass_time(self, ms: int) -> None:
        self.look_at_queues()
        self.world.now += ms
        self.look_at_queues()
        for attempt in self.attempts:
            if self.world.now - attempt.renewed_at >= FREEZES_AFTER:
                attempt.frozen = True

    def tick(self) -> None:
        self.world.do(ops.Tick(tenant=TENANT, lease=say.LEASE))
        now = self.world.now
        gap = self.ticked_at is not None and now - self.ticked_at > TICK_GAP
        if gap or self.epoch_changed:
            self.hold_until = now + say.LEASE
        self.ticked_at, self.epoch_changed = now, False

    def sweep(self, limit: int = 100) -> None:
        before, now = self.world.index("leases"), self.world.now
        self.touched |= self.jobs.keys()
        swept = self.world.do(ops.Sweep(tenant=TENANT, limit=limit))
        taken = before.keys() - self.world.index("leases").keys()
        assert swept.lost == len(taken)
        for job in taken:
            assert before[job] <= now, "a live lease was taken"
            assert self.ticked_at is not None, "a lease was taken without a tick"
            assert now - self.ticked_at <= TICK_GAP, "a lease was taken after a gap"
            assert now >= self.hold_until, "a lease was taken while all are held"
            assert not self.at_work(job), "a lease was taken from one who works"
            self.expect_newer_dispatch(job)
            self.holders[job] = "nobody"
        self.errands += [
            Errand(message, delay, None, self.broker) for message, delay in swept.publish
        ]

    def look_at_queues(self) -> None:
        for one in self.broker:
            if one.ready_at <= self.world.now:
                options = one.message.options
                self.ready_at[work_queue(options.queue, options.priority)] = self.world.now

    def find_overdue(self, *, guesses: bool = False, spares: bool = False) -> None:
        """Do what the sweeper does; a guess: all queues are empty; `spares`: all is held."""
        self.look_at_queues()
        now, waits = self.world.now, self.world.index("waiting")
        news = tuple(
            QueueNews(
                queue=queue,
                handed=self.handed.get(queue, 0),
                empty=guesses or now - self.ready_at.get(queue, 0) > OVERDUE,
            )
            for queue in AMQP_QUEUES
        )
        held = frozenset() if guesses else self.held_jobs()
        if spares:
            held = frozenset(self.jobs)
        after = 0 if guesses else OVERDUE
        asked = FindOverdue(tenant=TENANT, after=after, news=news, held=held, limit=2)
        found = self.world.do(asked)
        self.handed |= found.handed
        for message in found.publish:
            assert message.job not in held, "somebody holds its message"
            assert waits[message.job] < now - after, "it has not waited long enough"
            self.touched.add(message.job)
            self.errands.append(Errand(message, 0, None, self.broker))

    def held_jobs(self) -> frozenset[str]:
        """Jobs of which somebody has a message in hand, as the workers' cards name them."""
        working = {one.message.job for one in self.attempts if not one.cut_off}
        return frozenset(working | {one.holds.job for one in self.errands if one.holds})

    def expect_newer_dispatch(self, job: str) -> None:
        """Whoever lost his lease holds the current message no more; if the store knows him."""
        record = self.world.do(ops.Read(tenant=TENANT, job=job))
        assert record
        for attempt in [one for one in self.attempts if one.message.job == job]:
            if not self.forgetful or attempt.token == self.holders.get(job):
                assert record.dispatch > attempt.message.options.dispatch

    def archive(self, delivery: Delivery, *, by_broker: bool) -> None:
        self.dead.remove(delivery)
        message = delivery.message
        asked = ops.Archive(tenant=TENANT, message=message, delivery_limit=by_broker)
        answer = self.ask(asked, message.job)
        if answer.verdict is ArchiveVerdict.ACK:
            self.ack(message)
            return
        assert answer.message
        self.errands.append(Errand(answer.message, answer.delay, message, self.dead))

    def at_work(self, job: str) -> list[Attempt]:
        return [one for one in self.attempts if one.message.job == job and not one.frozen]

    # --- faults of the broker

    def lose(self, lost: list[Delivery]) -> None:
        """These messages are gone."""
        for one in lost:
            self.broker.remove(one)
            self.forget_message(one.message.job)

    def wipe_broker(self) -> None:
        """All messages are gone, and every connection with what it held."""
        self.lose(list(self.broker))
        for one in self.dead:
            self.forget_message(one.message.job)
        self.dead.clear()
        for errand in self.errands:
            if errand.holds:
                self.forget_message(errand.holds.job)
                errand.holds = None
        for attempt in self.attempts:
            attempt.cut_off = True
            self.forget_message(attempt.message.job)

    def forget_message(self, job: str) -> None:
        """As if acked; and nobody can help a job that the store has forgotten, too."""
        self.acked.add(job)
        self.touched.add(job)
        if self.world.do(ops.Read(tenant=TENANT, job=job)) is None:
            self.stranded.add(job)

    # --- faults of the store

    def forget(self, stranded: set[str]) -> None:
        """The store has lost something; `stranded` jobs too, of which no message speaks."""
        self.stranded |= stranded
        self.called_off.clear()
        self.discarded.clear()
        self.deleted.clear()
        self.forgetful = True
        self.touched |= self.jobs.keys()
        self.holders = dict.fromkeys(self.holders)
        self.epoch_changed = True

    def has_message(self, job: str) -> bool:
        """Whether the broker will hand out a message of this job, now or when somebody fails."""
        return (
            any(one.message.job == job for one in (*self.broker, *self.dead))
            or any(one.message.job == job for one in self.attempts if not one.cut_off)
            or any(one.holds and one.holds.job == job for one in self.errands)
        )
