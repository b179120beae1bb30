"""A store that was wiped, went back in time or changed its epoch; on the fake and on Redis."""

import pytest

from shared.contracts import operations as ops
from shared.contracts.answers import (
    Archived,
    ArchiveVerdict,
    CancelVerdict,
    ClaimVerdict,
    RenewalVerdict,
)
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World


def is_there(world: World, job: JobRecord) -> bool:
    return world.do(ops.Read(tenant=TENANT, job=job.id)) is not None


def archive(world: World, job: JobRecord, *, by_broker: bool) -> Archived:
    message = RunJob.of(job)
    return world.do(ops.Archive(tenant=TENANT, message=message, delivery_limit=by_broker))


def wiped(world: World, **changes: int) -> JobRecord:
    """A confirmed job whose store has forgotten it and was born again a second later."""
    job = say.submit(world, **changes)
    world.now += 1_000
    world.wipe()
    say.tick(world)
    return job


def test_a_message_without_a_record_waits_one_lease_and_then_rebuilds_it(world: World) -> None:
    job = wiped(world, priority=8)
    message = RunJob.of(job)

    early = say.claim(world, message)
    assert (early.verdict, early.delay) == (ClaimVerdict.LIVE, 15_000)
    assert not is_there(world, job)
    world.now += 14_999
    assert (say.claim(world, message).delay, is_there(world, job)) == (1, False)
    world.now += 1
    claimed = say.claim(world, message).job

    assert claimed
    assert RunJob.of(claimed) == message
    assert (claimed.state, claimed.step, claimed.attempt) == (State.RUNNING, 2, 1)
    assert claimed.epoch != job.epoch


def test_a_rebuilt_record_keeps_what_its_message_says_was_used(world: World) -> None:
    job, right = say.running(world)
    publish = world.do(say.retry_of(job, right, say.CRASH, delay=0)).publish
    assert publish
    world.now += 1
    world.wipe()
    say.tick(world, 16)

    claimed = say.claim(world, publish).job

    assert claimed
    assert (claimed.spent, claimed.crashes, claimed.attempt, claimed.dispatch) == (1, 1, 2, 2)


def test_a_scheduled_job_is_rebuilt_as_scheduled(world: World) -> None:
    job = wiped(world, delay=60_000)
    world.now += 20_000

    answer = say.claim(world, RunJob.of(job))

    assert (answer.verdict, answer.delay) == (ClaimVerdict.NOT_DUE, 39_000)
    assert say.read(world, job.id).state is State.SCHEDULED
    assert list(world.index("due")) == [job.id]


def test_a_job_of_this_epoch_needs_no_grace(world: World) -> None:
    wiped(world)

    assert say.claim(world, say.submit(world)).verdict is ClaimVerdict.RUN


def test_a_record_older_than_the_epoch_waits_one_lease(world: World) -> None:
    job = say.submit(world)
    world.now += 1_000
    world.change_epoch()

    answer = say.claim(world, job)
    assert (answer.verdict, answer.delay) == (ClaimVerdict.LIVE, 15_000)
    world.now += 15_000
    assert say.claim(world, job).verdict is ClaimVerdict.RUN


def test_whoever_runs_a_forgotten_job_says_so_and_keeps_it(world: World) -> None:
    job, right = say.running(world)
    world.now += 1_000
    world.wipe()

    renewal = world.do(say.heartbeat_of(job, right))

    assert renewal.verdict is RenewalVerdict.HOLD, "what is frozen stays frozen for one lease"
    kept = say.read(world, job.id)
    assert (kept.state, kept.attempt, kept.step) == (State.RUNNING, 1, 1)
    assert world.index("leases") == {job.id: world.now + say.LEASE}
    assert say.claim(world, job).verdict is ClaimVerdict.LIVE
    world.now += 15_000
    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.OK
    assert world.do(say.succeed_of(job, right)).state is State.SUCCEEDED


def test_a_record_that_was_not_forgotten_is_not_asserted_again(world: World) -> None:
    job = say.submit(world)
    world.now += 1
    gone = RunJob.of(say.submit_unconfirmed(world))
    other = ops.Heartbeat(
        tenant=TENANT,
        message=RunJob(job=say.job_id(world.now), type="t", payload="{}", options=gone.options),
        token=say.token(),
        worker="w1",
        lease=say.LEASE,
    )

    assert world.do(other).verdict is RenewalVerdict.LOST
    assert is_there(world, job)
    assert world.do(ops.Read(tenant=TENANT, job=other.message.job)) is None


def test_whoever_runs_a_job_whose_record_went_back_before_its_claim_keeps_it(
    world: World,
) -> None:
    job = say.submit(world)
    kept = world.snapshot()
    world.now += 1_000
    right = say.token()
    claimed = say.claim(world, job, token=right).job
    assert claimed
    world.restore(kept)

    assert say.claim(world, job).verdict is ClaimVerdict.LIVE
    assert world.do(say.progress_of(claimed, right)) is True, "not a reason to kill it"
    assert world.do(say.heartbeat_of(claimed, right)).verdict is RenewalVerdict.HOLD
    assert world.do(say.succeed_of(claimed, right)).state is State.SUCCEEDED


def test_a_heartbeat_overtaken_by_a_hand_back_starts_no_ghost_of_the_attempt(world: World) -> None:
    job, right = say.running(world)
    world.now += 1_000
    world.change_epoch()
    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.HOLD
    released = world.do(say.release_of(job, right))

    late = world.do(say.heartbeat_of(job, right))

    assert late.verdict is RenewalVerdict.LOST
    assert say.read(world, job.id).state is State.QUEUED
    assert world.index("leases") == {}
    assert world.do(say.release_of(job, right)) == released
    say.tick(world, 15)
    assert say.claim(world, job).verdict is ClaimVerdict.RUN, "no dead lease stands in the way"


def test_an_attempt_whose_hand_back_was_forgotten_keeps_its_job(world: World) -> None:
    job, right = say.running(world)
    kept = world.snapshot()
    world.do(say.release_of(job, right))
    world.restore(kept)

    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.HOLD
    assert say.read(world, job.id).state is State.RUNNING


def test_a_record_that_went_back_asks_no_more_after_one_lease(world: World) -> None:
    job = say.submit(world)
    kept = world.snapshot()
    right = say.token()
    claimed = say.claim(world, job, token=right).job
    assert claimed
    world.restore(kept)
    say.tick(world)
    world.now += 15_000

    assert world.do(say.heartbeat_of(claimed, right)).verdict is RenewalVerdict.LOST
    assert world.do(say.progress_of(claimed, right)) is False


def test_a_forgotten_job_that_was_cancelled_meanwhile_stays_cancelled(world: World) -> None:
    job = wiped(world)
    asked = say.cancel_of(job.id)

    assert world.do(asked).verdict is CancelVerdict.TOMBSTONED
    assert world.do(asked).verdict is CancelVerdict.TOMBSTONED
    claim = say.claim_of(RunJob.of(job))
    answer = world.do(claim)

    assert answer.verdict is ClaimVerdict.CANCELLED
    assert world.do(claim) == answer
    assert say.read(world, job.id).state is State.CANCELLED


def test_whoever_runs_a_forgotten_and_cancelled_job_hears_of_the_cancel(world: World) -> None:
    job, right = say.running(world)
    world.now += 1_000
    world.wipe()
    say.tick(world)
    asked_at = world.now
    world.do(say.cancel_of(job.id))
    world.now += 1_000

    renewal = world.do(say.heartbeat_of(job, right))

    assert (renewal.verdict, renewal.cancel_requested_at) == (RenewalVerdict.HOLD, asked_at)
    assert world.do(say.stop_of(job, right)).state is State.CANCELLED


@pytest.mark.parametrize(("minutes", "verdict"), [(9, ClaimVerdict.RUN), (11, ClaimVerdict.FINAL)])
def test_a_change_of_epoch_may_have_cost_the_last_ten_minutes(
    world: World, minutes: int, verdict: ClaimVerdict
) -> None:
    say.submit(world)
    world.now += 1
    known = say.submit(world)
    unknown = RunJob(
        job=say.job_id(world.now), type="t", payload="{}", options=RunJob.of(known).options
    )
    for _ in range(minutes):
        world.now += 60_000
        say.tick(world)
    world.change_epoch()
    say.tick(world, 16)

    assert say.claim(world, unknown).verdict is verdict


def test_an_outage_longer_than_ten_minutes_costs_no_job(world: World) -> None:
    say.tick(world)
    before = world.snapshot()
    lost = say.submit(world)
    world.now += 3_600_000
    world.restore(before)
    say.tick(world, 16)

    assert say.claim(world, lost).verdict is ClaimVerdict.RUN


@pytest.mark.parametrize("by_broker", [False, True])
def test_the_archivist_cancels_what_was_called_off(world: World, by_broker: bool) -> None:
    job = wiped(world)
    world.do(say.cancel_of(job.id))

    answer = archive(world, job, by_broker=by_broker)
    assert (answer.verdict, answer.ended) == (ArchiveVerdict.ACK, "cancelled")
    assert say.read(world, job.id).state is State.CANCELLED


def test_the_archivist_files_a_forgotten_job_that_a_worker_gave_up(world: World) -> None:
    job = wiped(world)

    answer = archive(world, job, by_broker=False)
    assert (answer.verdict, answer.ended) == (ArchiveVerdict.ACK, "rejected")
    assert say.read(world, job.id).state is State.FAILED


def test_the_archivist_sends_a_forgotten_job_round_and_then_publishes_it(world: World) -> None:
    job = wiped(world)

    early = archive(world, job, by_broker=True)
    assert (early.verdict, early.delay) == (ArchiveVerdict.PUBLISH_LATER, 15_000)
    assert not is_there(world, job)
    world.now += 15_000
    answer = archive(world, job, by_broker=True)

    assert answer.verdict is ArchiveVerdict.PUBLISH
    assert answer.message
    assert answer.message.options.dispatch == 2


def test_the_archivist_drops_what_retention_has_deleted(world: World) -> None:
    say.submit(world)
    world.now += 1
    record = say.read(world, say.submit(world).id)
    deleted = RunJob.of(record)
    message = RunJob(
        job=say.job_id(world.now), type=deleted.type, payload="{}", options=deleted.options
    )

    answer = world.do(ops.Archive(tenant=TENANT, message=message, delivery_limit=True))

    assert answer.verdict is ArchiveVerdict.ACK
    assert world.do(ops.Read(tenant=TENANT, job=message.job)) is None
