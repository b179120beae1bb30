"""Tick, Sweep, Park and Archive, on the fake and on Redis."""

import msgspec
import pytest

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.answers import (
    Archived,
    ArchiveVerdict,
    ClaimVerdict,
    ParkVerdict,
    RenewalVerdict,
)
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import Event, State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

ACK = Archived(verdict=ArchiveVerdict.ACK)


def test_a_lease_that_ran_out_puts_the_job_back_under_a_new_dispatch(world: World) -> None:
    job, right = say.running(world)
    say.tick(world, 15)

    swept = world.do(say.SWEEP)

    assert (swept.lost, swept.due, swept.more) == (1, 0, False)
    kept = say.read(world, job.id)
    assert (kept.state, kept.dispatch, kept.losses, kept.spent) == (State.QUEUED, 2, 1, 0)
    assert [one.outcome for one in kept.attempts] == [Outcome.WORKER_LOST]
    assert swept.publish == ((RunJob.of(kept), 0),)
    assert world.index("leases") == {}
    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.LOST


def test_a_lease_that_runs_is_left_alone(world: World) -> None:
    say.running(world)
    say.tick(world, 14)

    swept = world.do(say.SWEEP)

    assert (swept.lost, swept.publish) == (0, ())


def test_a_second_sweep_finds_nothing_more(world: World) -> None:
    say.running(world)
    say.tick(world, 16)
    world.do(say.SWEEP)

    swept = world.do(say.SWEEP)

    assert (swept.lost, swept.publish) == (0, ())


def test_after_a_gap_between_ticks_every_lease_counts_as_live_for_one_more(world: World) -> None:
    say.running(world)
    say.tick(world, 2)
    world.now += 13_001

    say.tick(world)
    assert world.do(ops.Tick(tenant=TENANT, lease=say.LEASE)).held_for == 15_000
    assert world.do(say.SWEEP).lost == 0
    say.tick(world, 14)
    assert world.do(say.SWEEP).lost == 0
    say.tick(world, 1)
    assert world.do(say.SWEEP).lost == 1


def test_a_sweep_before_the_first_tick_after_a_gap_takes_nothing(world: World) -> None:
    say.running(world)
    say.tick(world, 2)
    world.now += 13_001

    assert world.do(say.SWEEP).lost == 0


def test_a_change_of_epoch_holds_every_lease_for_one_more(world: World) -> None:
    say.running(world)
    say.tick(world, 14)
    world.change_epoch()
    say.tick(world, 14)

    assert world.do(say.SWEEP).lost == 0
    say.tick(world, 2)
    assert world.do(say.SWEEP).lost == 1


def test_the_tick_names_the_epoch_and_the_time(world: World) -> None:
    first = world.do(ops.Tick(tenant=TENANT, lease=say.LEASE))
    world.now += 1_000
    same = world.do(ops.Tick(tenant=TENANT, lease=say.LEASE))
    world.change_epoch()
    other = world.do(ops.Tick(tenant=TENANT, lease=say.LEASE))

    assert (first.held_for, same.held_for, other.held_for) == (0, 0, 15_000)
    assert first.epoch == same.epoch != other.epoch
    assert same.now == world.now


def test_more_than_ten_losses_are_poison(world: World) -> None:
    job, _ = say.running(world)
    verdicts = []
    for _ in range(11):
        say.tick(world, 16)
        ((message, _),) = world.do(say.SWEEP).publish
        verdicts.append(say.claim(world, message).verdict)

    assert verdicts == [*[ClaimVerdict.RUN] * 10, ClaimVerdict.POISON]
    assert say.read(world, job.id).spent == 0


def test_a_retry_that_is_due_becomes_queued(world: World) -> None:
    job, right = say.running(world)
    world.do(say.retry_of(job, right, delay=2_000))
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))
    world.now += 1_999
    assert world.do(say.SWEEP).due == 0
    world.now += 1

    swept = world.do(say.SWEEP)

    assert (swept.due, swept.publish) == (1, ())
    kept = say.read(world, job.id)
    assert (kept.state, kept.dispatch) == (State.QUEUED, 2)
    assert world.index("due") == {}


def test_a_scheduled_job_that_is_due_too_late_expires(world: World) -> None:
    late = say.submit(world, delay=2_000, expires_at=world.now + 2_000)
    in_time = say.submit(world, delay=2_000, expires_at=world.now + 2_001)
    world.now += 2_000

    swept = world.do(say.SWEEP)

    assert swept.due == 1
    told = {moved.job: moved for moved in swept.moved}
    assert {job: moved.event for job, moved in told.items()} == {
        late.id: Event.EXPIRED,
        in_time.id: Event.DUE,
    }
    moved = told[late.id]
    assert (moved.queue, moved.type, moved.attempt) == (late.queue, late.type, 0)
    assert (moved.submitted_by, moved.traceparent) == (late.submitted_by, late.traceparent)
    assert say.read(world, late.id).state is State.EXPIRED
    assert say.read(world, in_time.id).state is State.QUEUED


def test_what_stays_in_the_outbox_is_published_with_growing_patience(world: World) -> None:
    job = say.submit_unconfirmed(world)
    world.now += 4_999
    assert world.do(say.SWEEP).publish == ()
    times = []
    for _ in range(6):
        world.now = world.index("outbox")[job.id]
        assert world.do(say.SWEEP).publish == ((RunJob.of(job), 0),)
        times.append(world.index("outbox")[job.id] - world.now)

    assert times == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]
    assert world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=1))


def test_a_message_for_later_is_published_with_the_time_that_is_left(world: World) -> None:
    scheduled = say.submit_unconfirmed(world, delay=60_000)
    job, right = say.running(world)
    world.do(say.retry_of(job, right, delay=30_000))
    world.now += 5_000

    publish = {message.job: delay for message, delay in world.do(say.SWEEP).publish}

    assert publish == {scheduled.id: 55_000, job.id: 25_000}


def test_a_sweep_works_in_batches_and_says_when_there_is_more(world: World) -> None:
    jobs = {say.submit_unconfirmed(world).id for _ in range(5)}
    world.now += 5_000
    found: list[str] = []
    while True:
        swept = world.do(ops.Sweep(tenant=TENANT, limit=2))
        found += [message.job for message, _ in swept.publish]
        if not swept.more:
            break

    assert sorted(found) == sorted(jobs)


def park_of(message: RunJob) -> ops.Park:
    return ops.Park(tenant=TENANT, message=message, fault=say.FAULT)


def test_a_job_of_a_type_nobody_knows_is_parked_as_a_dead_letter(world: World) -> None:
    job = say.submit(world)
    asked = park_of(RunJob.of(job))

    assert world.do(asked) is ParkVerdict.PARKED
    kept = say.read(world, job.id)
    assert kept.dead_letter
    assert kept.dead_letter.reason is DeadLetterReason.UNKNOWN_TYPE
    assert (kept.error, kept.public_error, kept.spent) == (say.ERROR, say.PUBLIC, 0)
    assert world.do(asked) is ParkVerdict.LEFT


def test_what_runs_has_ended_or_moved_on_is_not_parked(world: World) -> None:
    job, right = say.running(world)
    assert world.do(park_of(RunJob.of(job))) is ParkVerdict.REFUSED
    world.do(say.retry_of(job, right))
    assert world.do(park_of(RunJob.of(job))) is ParkVerdict.REFUSED
    world.do(say.cancel_of(job.id))
    assert world.do(park_of(RunJob.of(say.read(world, job.id)))) is ParkVerdict.REFUSED


def archive(world: World, job: JobRecord, *, by_broker: bool = False) -> Archived:
    asked = ops.Archive(tenant=TENANT, message=RunJob.of(job), delivery_limit=by_broker)
    answer = world.do(asked)
    assert world.do(asked) == answer, "a repeat gets the first answer"
    return answer


@pytest.mark.parametrize("by_broker", [False, True])
def test_the_message_of_a_job_that_has_ended_is_filed(world: World, by_broker: bool) -> None:
    job, right = say.running(world)
    world.do(say.fail_of(job, right))

    assert archive(world, job, by_broker=by_broker) == ACK


def test_a_late_filing_never_fails_a_job_that_has_gone_on(world: World) -> None:
    job, right = say.running(world)
    publish = world.do(say.retry_of(job, right)).publish
    unconfirmed = archive(world, job)
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))

    assert unconfirmed == Archived(
        verdict=ArchiveVerdict.PUBLISH_LATER, message=publish, delay=2_000
    )
    assert archive(world, job) == ACK
    assert say.read(world, job.id).state is State.RETRYING


def test_a_message_the_broker_gave_up_is_published_anew(world: World) -> None:
    job = say.submit(world)

    answer = archive(world, job, by_broker=True)

    kept = say.read(world, job.id)
    assert (kept.state, kept.dispatch) == (State.QUEUED, 2)
    assert answer == Archived(verdict=ArchiveVerdict.PUBLISH, message=RunJob.of(kept))
    assert list(world.index("outbox")) == [job.id]


def test_a_message_the_broker_gave_up_while_its_job_runs_is_sent_round(world: World) -> None:
    job, _ = say.running(world)

    answer = archive(world, job, by_broker=True)

    assert (answer.verdict, answer.delay) == (ArchiveVerdict.PUBLISH_LATER, 16_000)
    assert answer.message == RunJob.of(job)


def test_a_message_the_broker_gave_up_with_no_attempt_left_is_a_dead_letter(world: World) -> None:
    job = say.submit(world, max_attempts=1)
    spent = msgspec.structs.replace(RunJob.of(job).options, dispatch=2, attempts=1)
    message = msgspec.structs.replace(RunJob.of(job), options=spent)

    answer = world.do(ops.Archive(tenant=TENANT, message=message, delivery_limit=True))

    assert answer == Archived(verdict=ArchiveVerdict.ACK, ended="delivery_limit")
    assert world.do(ops.Archive(tenant=TENANT, message=message, delivery_limit=True)) == ACK
    dead = say.read(world, job.id)
    assert dead.dead_letter
    assert dead.dead_letter.reason is DeadLetterReason.DELIVERY_LIMIT


def test_an_undecodable_message_is_kept_once(world: World) -> None:
    asked = letters.KeepUndecodable(
        tenant=ops.PLATFORM_TENANT, digest="ab" * 32, body=b"\xff\x00{", size=3, why="not JSON"
    )

    assert world.do(asked) is True
    assert world.do(asked) is False
