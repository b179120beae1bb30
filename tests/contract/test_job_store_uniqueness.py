"""`unique_key`, the quota of live jobs, and callbacks, on the fake and on Redis."""

from collections.abc import Callable

import pytest

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.answers import SubmitVerdict
from shared.contracts.callbacks import ClearCallback, DueCallback, DueCallbacks
from shared.contracts.job import JobRecord, OnConflict
from shared.contracts.lifecycle import State
from shared.contracts.retention import DeleteEnded
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

ENDS: dict[str, Callable[[JobRecord, str], ops.Settle]] = {
    "succeeded": say.succeed_of,
    "failed": say.fail_of,
    "cancelled": say.stop_of,
}
URL = "https://example.com/told"
DAY = 24 * 3_600_000


def due(world: World, limit: int = 10) -> tuple[DueCallback, ...]:
    return world.do(DueCallbacks(tenant=TENANT, limit=limit))


def test_what_a_submit_says_of_a_job_is_in_its_record_and_in_its_message(world: World) -> None:
    job = say.submit(world, retention=60_000, unique_key="order ü1", callback_url=URL)

    found = say.read(world, job.id)
    assert (found.retention, found.unique_key, found.callback_url) == (60_000, "order ü1", URL)
    claimed = say.claim(world, job).job
    assert claimed
    assert (claimed.retention, claimed.unique_key, claimed.callback_url) == (
        60_000,
        "order ü1",
        URL,
    )


def test_a_second_job_with_a_unique_key_is_the_first_one(world: World) -> None:
    first = say.submit(world, unique_key="order-1")

    answer = world.do(say.submit_of(world, unique_key="order-1"))

    assert (answer.verdict, answer.owed) == (SubmitVerdict.DUPLICATE, False)
    assert answer.job == say.read(world, first.id)


def test_a_duplicate_of_a_job_that_is_not_confirmed_says_so(world: World) -> None:
    first = say.submit_unconfirmed(world, unique_key="order-1")
    asked = say.submit_of(world, unique_key="order-1")

    before = world.do(asked)
    world.do(ops.Confirm(tenant=TENANT, job=first.id, dispatch=1))
    after = world.do(asked)

    assert (before.verdict, before.owed) == (SubmitVerdict.DUPLICATE, True)
    assert (after.verdict, after.owed) == (SubmitVerdict.DUPLICATE, False)


def test_a_taken_unique_key_is_refused_where_that_was_asked(world: World) -> None:
    first = say.submit(world, unique_key="order-1")
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    asked = say.submit_of(world, unique_key="order-1", on_conflict=OnConflict.REJECT, key=key)

    answer = world.do(asked)

    assert (answer.verdict, answer.job, answer.holder) == (SubmitVerdict.TAKEN, None, first.id)
    assert world.do(ops.Read(tenant=TENANT, job=asked.job)) is None
    world.do(say.cancel_of(first.id))
    again = world.do(say.submit_of(world, unique_key="order-1", key=key))
    assert again.verdict is SubmitVerdict.ACCEPTED, "a refusal binds no Idempotency-Key"


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled", "expired"])
def test_a_job_that_has_ended_gives_its_unique_key_away(world: World, end: str) -> None:
    if end == "expired":
        soon = world.now + 1
        job = say.submit(world, unique_key="order-1", expires_at=soon)
        world.now += 1
        say.claim(world, job)
    else:
        job, right = say.running(world, unique_key="order-1")
        world.do(ENDS[end](job, right))

    assert say.read(world, job.id).state == end
    answer = world.do(say.submit_of(world, unique_key="order-1"))
    assert answer.verdict is SubmitVerdict.ACCEPTED


def test_an_idempotency_key_comes_before_a_unique_key(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    job, right = say.running(world, unique_key="order-1", key=key)
    world.do(say.succeed_of(job, right))
    other = say.submit(world, unique_key="order-1")

    answer = world.do(say.submit_of(world, unique_key="order-1", key=key))

    assert answer.verdict is SubmitVerdict.REPLAYED
    assert answer.job
    assert answer.job.id == job.id != other.id


def test_a_key_that_was_answered_with_another_job_stays_with_that_one(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    holder, right = say.running(world, unique_key="order-1")
    asked = say.submit_of(world, unique_key="order-1", key=key)
    assert world.do(asked).verdict is SubmitVerdict.DUPLICATE
    world.do(say.succeed_of(holder, right))

    answer = world.do(say.submit_of(world, unique_key="order-1", key=key))

    assert answer.verdict is SubmitVerdict.REPLAYED
    assert answer.job
    assert answer.job.id == holder.id
    other = ops.IdempotencyKey(hash="aa", fingerprint="22")
    mismatch = world.do(say.submit_of(world, unique_key="order-1", key=other))
    assert mismatch.verdict is SubmitVerdict.MISMATCH


def test_a_job_that_a_key_was_answered_with_is_kept_as_long_as_that_key(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    holder, right = say.running(world, unique_key="order-1", retention=1_000)
    world.now += DAY - 1_000
    world.do(say.submit_of(world, unique_key="order-1", key=key))
    world.do(say.succeed_of(holder, right))

    world.now += DAY - 1_000
    assert not world.do(DeleteEnded(tenant=TENANT, limit=10)).jobs
    world.now += 1_000
    assert world.do(DeleteEnded(tenant=TENANT, limit=10)).jobs == (holder.id,)
    again = world.do(say.submit_of(world, unique_key="order-1", key=key))
    assert again.verdict is SubmitVerdict.ACCEPTED


def test_a_key_is_not_bound_to_a_job_that_is_not_safe_yet(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    say.submit_unconfirmed(world, unique_key="order-1")
    asked = say.submit_of(world, unique_key="order-1", key=key)
    first, second = world.do(asked), world.do(asked)
    assert [first.verdict, second.verdict] == [SubmitVerdict.DUPLICATE] * 2


def test_another_tenant_has_unique_keys_of_its_own(world: World) -> None:
    say.submit(world, unique_key="order-1")

    answer = world.do(say.submit_of(world, tenant="other", unique_key="order-1"))

    assert answer.verdict is SubmitVerdict.ACCEPTED


def test_no_more_jobs_live_than_the_quota(world: World) -> None:
    running, right = say.running(world, quota=3)
    say.submit(world, quota=3, delay=60_000)
    waits = say.submit(world, quota=3)

    over = world.do(say.submit_of(world, quota=3))
    assert (over.verdict, over.job) == (SubmitVerdict.OVER_QUOTA, None)
    world.do(say.retry_of(running, right))
    assert world.do(say.submit_of(world, quota=3)).verdict is SubmitVerdict.OVER_QUOTA
    world.do(say.cancel_of(waits.id))
    assert world.do(say.submit_of(world, quota=3)).verdict is SubmitVerdict.ACCEPTED
    assert world.do(say.submit_of(world, quota=3)).verdict is SubmitVerdict.OVER_QUOTA
    assert world.do(say.submit_of(world)).verdict is SubmitVerdict.ACCEPTED, "no quota"


def test_a_quota_refuses_no_request_that_makes_no_job(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    asked = say.submit_of(world, unique_key="order-1", key=key, quota=1)
    world.do(asked)
    world.do(ops.Confirm(tenant=TENANT, job=asked.job, dispatch=1))

    assert world.do(asked).verdict is SubmitVerdict.ACCEPTED, "the same again"
    replay = say.submit_of(world, unique_key="order-1", key=key, quota=1)
    assert world.do(replay).verdict is SubmitVerdict.REPLAYED
    twin = say.submit_of(world, unique_key="order-1", quota=1)
    assert world.do(twin).verdict is SubmitVerdict.DUPLICATE


def test_an_end_is_due_to_be_told_until_it_is_cleared(world: World) -> None:
    job, right = say.running(world, callback_url=URL)
    assert due(world) == ()
    world.do(say.succeed_of(job, right))
    ended = say.read(world, job.id)

    (told,) = due(world)
    assert told == DueCallback(job=ended, step=3, state=State.SUCCEEDED, at=world.now)
    assert due(world) == (), "somebody is at it"
    world.now += 15_000
    (again,) = due(world)
    assert again == told
    assert world.do(ClearCallback(tenant=TENANT, job=job.id, step=3)) is True
    assert world.do(ClearCallback(tenant=TENANT, job=job.id, step=3)) is False
    world.now += 15_000
    assert due(world) == ()


def test_each_end_of_a_job_with_several_lives_is_told(world: World) -> None:
    job, right = say.running(world, callback_url=URL)
    world.do(say.fail_of(job, right))
    failed_at = world.now
    world.now += 1_000
    redrive = letters.Redrive(tenant=TENANT, job=job.id, turn=say.token())
    message = world.do(redrive).publish
    assert message
    other_right = say.token()
    claimed = say.claim(world, message, token=other_right).job
    assert claimed
    world.do(say.succeed_of(claimed, other_right))

    told = due(world)

    assert [(one.step, one.state, one.at) for one in told] == [
        (3, State.FAILED, failed_at),
        (6, State.SUCCEEDED, world.now),
    ]
    assert {one.job.state for one in told} == {State.SUCCEEDED}, "the record as it is now"


def test_no_more_ends_are_due_at_once_than_asked_for(world: World) -> None:
    ids = []
    for _ in range(3):
        ids.append(say.submit(world, callback_url=URL).id)
        world.do(say.cancel_of(ids[-1]))
        world.now += 10

    batches = [[one.job.id for one in due(world, limit=2)] for _ in range(3)]

    assert batches == [ids[:2], ids[2:], []]


def test_a_job_without_a_callback_is_told_to_nobody(world: World) -> None:
    job, right = say.running(world)
    world.do(say.succeed_of(job, right))

    assert due(world) == ()
