"""Every row of PROTOCOL's claim table, on the fake and on Redis."""

import msgspec
import pytest

from shared.contracts import operations as ops
from shared.contracts.answers import ClaimVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetter, DeadLetterReason
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World


def of_dispatch(message: RunJob, dispatch: int, **more: int) -> RunJob:
    options = msgspec.structs.replace(message.options, dispatch=dispatch, **more)
    return msgspec.structs.replace(message, options=options)


def test_run_for_a_current_message_of_a_waiting_job(world: World) -> None:
    job = say.submit_unconfirmed(world)

    answer = say.claim(world, job)

    assert answer.verdict is ClaimVerdict.RUN
    claimed = answer.job
    assert claimed
    assert (claimed.state, claimed.attempt, claimed.started_at) == (State.RUNNING, 1, world.now)
    assert claimed.payload == job.payload
    assert claimed.attempts[0].worker == "w1"
    assert world.index("leases") == {job.id: world.now + say.LEASE}
    assert world.index("outbox") == {}, "a claim of a dispatch is its confirm"


def test_run_again_for_a_claim_that_is_repeated(world: World) -> None:
    job = say.submit(world)
    asked = say.claim_of(RunJob.of(job))
    first = world.do(asked)
    world.now += 1_000

    assert world.do(asked) == first
    assert world.index("leases") == {job.id: world.now - 1_000 + say.LEASE}


def test_live_until_the_lease_is_over_and_the_sweep_has_come(world: World) -> None:
    job, _ = say.running(world)
    world.now += 4_000

    answer = say.claim(world, job)

    assert (answer.verdict, answer.delay) == (ClaimVerdict.LIVE, 11_000 + 1_000)


def test_live_also_when_the_lease_has_run_out_but_nobody_has_swept(world: World) -> None:
    job, right = say.running(world)
    world.now += 20_000

    answer = say.claim(world, job)

    assert (answer.verdict, answer.delay) == (ClaimVerdict.LIVE, 1_000)
    assert world.do(say.succeed_of(job, right)).state is State.SUCCEEDED


def test_not_due_for_what_is_scheduled(world: World) -> None:
    job = say.submit_unconfirmed(world, delay=60_000)
    world.now += 1

    answer = say.claim(world, job)

    assert (answer.verdict, answer.delay) == (ClaimVerdict.NOT_DUE, 59_999)
    assert world.index("outbox") == {}, "the claimer sends it round and confirms that"
    world.now += 59_999
    assert say.claim(world, job).verdict is ClaimVerdict.RUN
    assert world.index("due") == {}


def test_not_due_for_what_is_retrying(world: World) -> None:
    job, right = say.running(world)
    publish = world.do(say.retry_of(job, right, delay=2_000)).publish
    assert publish
    world.now += 500

    answer = say.claim(world, publish)

    assert (answer.verdict, answer.delay) == (ClaimVerdict.NOT_DUE, 1_500)


def test_paused_for_a_queue_that_is_paused(world: World) -> None:
    job = say.submit(world)

    answer = say.claim(world, job, paused=True)

    assert (answer.verdict, answer.delay) == (ClaimVerdict.PAUSED, 10_000)
    assert say.read(world, job.id).state is State.QUEUED


def test_stale_brings_the_successor_that_is_not_confirmed(world: World) -> None:
    job, right = say.running(world)
    publish = world.do(say.retry_of(job, right)).publish

    answer = say.claim(world, job)

    assert (answer.verdict, answer.publish) == (ClaimVerdict.STALE, publish)


def test_stale_brings_nothing_once_the_successor_is_confirmed(world: World) -> None:
    job, right = say.running(world)
    world.do(say.retry_of(job, right))
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))

    answer = say.claim(world, job)

    assert (answer.verdict, answer.publish) == (ClaimVerdict.STALE, None)


def test_a_message_ahead_of_the_record_is_adopted(world: World) -> None:
    job = say.submit(world)

    answer = say.claim(world, of_dispatch(RunJob.of(job), 4, attempts=2, crashes=1))

    assert answer.verdict is ClaimVerdict.RUN
    claimed = say.read(world, job.id)
    assert (claimed.dispatch, claimed.spent, claimed.crashes, claimed.attempt) == (4, 2, 1, 3)


def test_a_message_ahead_of_a_running_job_is_adopted_and_sent_round(world: World) -> None:
    job, right = say.running(world)

    answer = say.claim(world, of_dispatch(RunJob.of(job), 2))

    assert answer.verdict is ClaimVerdict.LIVE
    assert say.read(world, job.id).dispatch == 2
    assert world.do(say.succeed_of(job, right)).state is State.SUCCEEDED


def test_a_message_ahead_of_a_failed_job_was_redriven_before_the_store_forgot(
    world: World,
) -> None:
    job, right = say.running(world, max_attempts=1)
    world.do(say.fail_of(job, right))

    answer = say.claim(world, of_dispatch(RunJob.of(job), 2))

    assert answer.verdict is ClaimVerdict.RUN
    claimed = answer.job
    assert claimed
    assert (claimed.redrives, claimed.spent, claimed.attempt) == (1, 0, 2)
    assert (claimed.dead_letter, claimed.error, claimed.finished_at) == (None, None, None)


@pytest.mark.parametrize("dispatch", [1, 2])
def test_final_for_a_job_that_has_ended(world: World, dispatch: int) -> None:
    job, right = say.running(world)
    world.do(say.succeed_of(job, right))

    answer = say.claim(world, of_dispatch(RunJob.of(job), dispatch))

    assert (answer.verdict, answer.job) == (ClaimVerdict.FINAL, None)


def test_final_for_a_dead_letter(world: World) -> None:
    job, right = say.running(world)
    world.do(say.fail_of(job, right))

    assert say.claim(world, job).verdict is ClaimVerdict.FINAL


def test_cancelled_for_a_handed_back_job_with_a_cancel_on_it(world: World) -> None:
    job, right = say.running(world)
    world.do(say.cancel_of(job.id))
    world.do(say.release_of(job, right))
    asked = say.claim_of(RunJob.of(job))

    answer = world.do(asked)

    assert answer.verdict is ClaimVerdict.CANCELLED
    assert say.read(world, job.id).state is State.CANCELLED
    assert world.do(asked) == answer, "a repeat gets the first answer"
    assert say.claim(world, job).verdict is ClaimVerdict.FINAL


def test_expired_before_its_first_start(world: World) -> None:
    job = say.submit(world, expires_at=world.now + 1_000)
    asked = say.claim_of(RunJob.of(job))
    world.now += 1_000

    answer = world.do(asked)

    assert answer.verdict is ClaimVerdict.EXPIRED
    assert say.read(world, job.id).state is State.EXPIRED
    assert world.do(asked) == answer


def test_a_job_that_has_started_expires_no_more(world: World) -> None:
    job, right = say.running(world, expires_at=world.now + 1_000)
    world.do(say.release_of(job, right))
    world.now += 1_000

    assert say.claim(world, job).verdict is ClaimVerdict.RUN


def test_poison_after_two_crashes(world: World) -> None:
    job, right = say.running(world, max_attempts=9)
    second = world.do(say.retry_of(job, right, say.CRASH, delay=0)).publish
    assert second
    right = say.token()
    say.claim(world, second, token=right)
    third = world.do(say.retry_of(job, right, say.CRASH, delay=0)).publish
    assert third
    asked = say.claim_of(third)

    answer = world.do(asked)

    assert answer.verdict is ClaimVerdict.POISON
    dead = say.read(world, job.id)
    assert (dead.state, dead.crashes, dead.spent) == (State.FAILED, 2, 2)
    assert dead.dead_letter == DeadLetter(since=world.now, reason=DeadLetterReason.POISON)
    assert dead.error
    assert msgspec.json.decode(dead.error)["code"] == answer.code == "poison"
    assert world.do(asked) == answer
    assert say.claim(world, third).verdict is ClaimVerdict.FINAL


def test_exhausted_when_no_attempt_is_left(world: World) -> None:
    job, right = say.running(world, max_attempts=1)
    publish = world.do(say.retry_of(job, right, delay=0)).publish
    assert publish
    asked = say.claim_of(publish)

    answer = world.do(asked)

    assert answer.verdict is ClaimVerdict.EXHAUSTED
    dead = say.read(world, job.id)
    assert dead.dead_letter
    assert dead.dead_letter.reason is DeadLetterReason.ATTEMPTS_EXHAUSTED
    assert world.do(asked) == answer


def test_final_for_a_missing_record_that_was_not_forgotten(world: World) -> None:
    job = say.submit(world)
    world.now += 1
    job = say.submit(world)
    deleted = RunJob.of(msgspec.structs.replace(job, id=say.job_id(world.now)))

    assert say.claim(world, deleted).verdict is ClaimVerdict.FINAL
    assert world.do(ops.Read(tenant=TENANT, job=deleted.job)) is None
