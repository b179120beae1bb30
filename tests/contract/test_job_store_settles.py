"""Heartbeats, progress and the ends of an attempt, on the fake and on Redis."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts import operations as ops
from shared.contracts.answers import ClaimVerdict, RenewalVerdict, Settled, SettleVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

LOST = Settled(verdict=SettleVerdict.LOST)
Settling = Callable[[JobRecord, str], ops.Settle]
ENDS: dict[str, Settling] = {
    "succeed": say.succeed_of,
    "retry": say.retry_of,
    "fail": say.fail_of,
    "stop": say.stop_of,
    "release": say.release_of,
}


@pytest.fixture(params=ENDS)
def settling(request: pytest.FixtureRequest) -> Any:
    return ENDS[request.param]


def test_a_heartbeat_renews_the_lease(world: World) -> None:
    job, right = say.running(world)
    world.now += 5_000

    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.OK
    assert world.index("leases") == {job.id: world.now + say.LEASE}


def test_a_heartbeat_of_a_stranger_is_lost_and_renews_nothing(world: World) -> None:
    job, _ = say.running(world)
    world.now += 5_000

    assert world.do(say.heartbeat_of(job, say.token())).verdict is RenewalVerdict.LOST
    assert world.index("leases") == {job.id: world.now - 5_000 + say.LEASE}


def test_a_heartbeat_after_the_end_is_lost(world: World) -> None:
    job, right = say.running(world)
    world.do(say.succeed_of(job, right))

    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.LOST
    assert world.index("leases") == {}


def test_progress_is_kept_with_its_time_and_only_newer_one_counts(world: World) -> None:
    job, right = say.running(world)

    assert world.do(say.progress_of(job, right, 2)) is True
    assert world.do(say.progress_of(job, right, 1, '{"current":0}')) is True
    assert world.do(say.progress_of(job, right, 2, '{"current":9}')) is True

    kept = say.read(world, job.id)
    assert kept.progress == say.PROGRESS[:-1] + ',"updated_at":"2026-09-21T14:13:20.000Z"}'
    assert kept.revision == job.revision + 1
    assert kept.step == job.step


def test_progress_of_the_next_attempt_counts_from_one_again(world: World) -> None:
    job, right = say.running(world)
    world.do(say.progress_of(job, right, 7))
    publish = world.do(say.retry_of(job, right, delay=0)).publish
    assert publish
    right = say.token()
    say.claim(world, publish, token=right)

    world.do(say.progress_of(job, right, 1, '{"current":3}'))

    assert say.read(world, job.id).progress == (
        '{"current":3,"updated_at":"2026-09-21T14:13:20.000Z"}'
    )


def test_progress_and_checkpoint_of_a_stranger_are_refused(world: World) -> None:
    job, right = say.running(world)
    other = say.token()

    assert world.do(say.progress_of(job, other)) is False
    assert world.do(ops.Checkpoint(tenant=TENANT, job=job.id, token=other, data="1")) is False
    world.do(say.release_of(job, right))
    assert world.do(say.progress_of(job, right)) is False
    assert world.do(ops.Checkpoint(tenant=TENANT, job=job.id, token=right, data="1")) is False
    kept = say.read(world, job.id)
    assert (kept.progress, kept.checkpoint) == (None, None)


def test_a_checkpoint_is_what_the_next_attempt_gets(world: World) -> None:
    job, right = say.running(world)
    data = '{"row":[],"n":12345678901234567890}'

    assert world.do(ops.Checkpoint(tenant=TENANT, job=job.id, token=right, data=data)) is True
    publish = world.do(say.retry_of(job, right, delay=0)).publish
    assert publish
    claimed = say.claim(world, publish).job

    assert claimed
    assert claimed.checkpoint == data


def test_the_same_settle_again_changes_nothing_and_gets_the_first_answer(
    world: World, settling: Settling
) -> None:
    job, right = say.running(world)
    first = world.do(settling(job, right))
    after = say.read(world, job.id)
    world.now += 100

    assert first.verdict is SettleVerdict.OK
    assert world.do(settling(job, right)) == first
    assert say.read(world, job.id) == after


def test_a_settle_of_a_stranger_is_lost_and_changes_nothing(
    world: World, settling: Settling
) -> None:
    job, _ = say.running(world)

    assert world.do(settling(job, say.token())) == LOST
    assert say.read(world, job.id) == job


def test_a_settle_after_another_attempt_has_taken_over_is_lost(
    world: World, settling: Settling
) -> None:
    job, right = say.running(world)
    say.tick(world, 16)
    message = world.do(say.SWEEP).publish[0][0]
    say.claim(world, message)
    taken = say.read(world, job.id)

    assert world.do(settling(job, right)) == LOST
    assert say.read(world, job.id) == taken


def test_a_settle_demands_the_token_but_not_that_the_lease_still_runs(
    world: World, settling: Settling
) -> None:
    job, right = say.running(world)
    world.now += 60_000

    assert world.do(settling(job, right)).verdict is SettleVerdict.OK
    assert world.index("leases") == {}


def test_a_settle_of_a_job_that_is_not_there_is_lost(world: World, settling: Settling) -> None:
    job, right = say.running(world)
    world.wipe()

    assert world.do(settling(job, right)) == LOST


def test_succeed_keeps_the_result_and_the_last_progress(world: World) -> None:
    job, right = say.running(world)
    result = '{"rows":[],"big":12345678901234567890}'

    answer = world.do(say.succeed_of(job, right, result, progress='{"current":4}'))

    assert (answer.state, answer.publish, answer.delay) == (State.SUCCEEDED, None, 0)
    kept = say.read(world, job.id)
    assert (kept.result, kept.finished_at) == (result, world.now)
    assert kept.progress == '{"current":4,"updated_at":"2026-09-21T14:13:20.000Z"}'
    assert (kept.step, kept.revision) == (3, 4)
    assert [(one.number, one.outcome) for one in kept.attempts] == [(1, Outcome.SUCCEEDED)]


def test_retry_owes_the_next_message_for_the_ladder(world: World) -> None:
    job, right = say.running(world)

    answer = world.do(say.retry_of(job, right, delay=2_000))

    assert (answer.state, answer.delay) == (State.RETRYING, 2_000)
    assert answer.publish
    assert (answer.publish.options.dispatch, answer.publish.options.attempts) == (2, 1)
    kept = say.read(world, job.id)
    assert (kept.state, kept.dispatch, kept.retry_at) == (State.RETRYING, 2, world.now + 2_000)
    assert (kept.error, kept.public_error) == (say.ERROR, say.PUBLIC)
    assert (kept.spent, kept.crashes) == (1, 0)
    assert world.index("outbox") == {job.id: world.now + 5_000}
    assert world.index("due") == {job.id: world.now + 2_000}


def test_a_repeated_retry_publishes_nothing_once_its_message_has_been_claimed(
    world: World,
) -> None:
    job, right = say.running(world)
    asked = say.retry_of(job, right, delay=0)
    publish = world.do(asked).publish
    assert publish
    say.claim(world, publish)

    again = world.do(asked)

    assert (again.verdict, again.publish) == (SettleVerdict.OK, None)


def test_retry_with_a_cancel_on_it_becomes_cancelled(world: World) -> None:
    job, right = say.running(world)
    world.do(say.cancel_of(job.id))

    answer = world.do(say.retry_of(job, right))

    assert (answer.state, answer.publish) == (State.CANCELLED, None)
    kept = say.read(world, job.id)
    assert (kept.dispatch, kept.attempts[0].outcome) == (1, Outcome.FAILED)


def test_a_crash_uses_an_attempt_and_counts_as_one(world: World) -> None:
    job, right = say.running(world)

    world.do(say.retry_of(job, right, say.CRASH))

    kept = say.read(world, job.id)
    assert (kept.spent, kept.crashes, kept.attempts[0].outcome) == (1, 1, Outcome.CRASHED)


def test_fail_is_final_and_a_dead_letter(world: World) -> None:
    job, right = say.running(world)

    assert world.do(say.fail_of(job, right)).state is State.FAILED

    kept = say.read(world, job.id)
    assert kept.dead_letter
    assert (kept.dead_letter.since, kept.dead_letter.reason) == (
        world.now,
        DeadLetterReason.NOT_RETRYABLE,
    )
    assert (kept.error, kept.public_error) == (say.ERROR, say.PUBLIC)
    assert kept.attempts[0].error == say.ERROR


def test_stop_ends_as_cancelled_and_keeps_how_it_was_stopped(world: World) -> None:
    job, right = say.running(world)
    world.do(say.cancel_of(job.id))

    assert world.do(say.stop_of(job, right)).state is State.CANCELLED
    assert say.read(world, job.id).stopped_by == "exception"
    assert say.read(world, job.id).attempts[0].outcome is Outcome.CANCELLED


def test_release_uses_no_attempt_and_keeps_the_dispatch(world: World) -> None:
    job, right = say.running(world)

    assert world.do(say.release_of(job, right)).state is State.QUEUED

    kept = say.read(world, job.id)
    assert (kept.dispatch, kept.spent, kept.attempt) == (1, 0, 1)
    assert [(one.number, one.outcome) for one in kept.attempts] == [(1, Outcome.INTERRUPTED)]
    answer = say.claim(world, kept)
    assert answer.verdict is ClaimVerdict.RUN
    assert answer.job
    assert [one.number for one in answer.job.attempts] == [1, 1], "a hand-back keeps its number"


def test_a_job_that_takes_its_worker_down_each_time_is_poison_in_the_end(world: World) -> None:
    job = say.submit(world)
    for _ in range(11):
        right = say.token()
        assert world.do(say.claim_of(RunJob.of(job), token=right)).verdict is ClaimVerdict.RUN
        lost = ops.Release(tenant=TENANT, job=job.id, token=right, lost=True)
        assert world.do(lost).state is State.QUEUED
    kept = say.read(world, job.id)
    assert (kept.dispatch, kept.spent) == (1, 0)
    assert {one.outcome for one in kept.attempts} == {Outcome.WORKER_LOST}

    assert say.claim(world, job).verdict is ClaimVerdict.POISON


def test_the_last_attempts_error_and_progress_are_gone_while_the_next_one_runs(
    world: World,
) -> None:
    job, right = say.running(world)
    world.do(say.progress_of(job, right, 1))
    publish = world.do(say.retry_of(job, right, delay=0)).publish
    assert publish

    claimed = say.claim(world, publish).job

    assert claimed
    assert (claimed.error, claimed.public_error, claimed.retry_at) == (None, None, None)
    assert claimed.progress is None
    assert claimed.started_at == job.started_at, "started_at is the first start"
