"""What becomes of jobs that have ended, and of jobs that never do, on the fake and on Redis."""

import pytest

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.answers import (
    ArchiveVerdict,
    CancelVerdict,
    ClaimVerdict,
    RenewalVerdict,
    SettleVerdict,
    SubmitVerdict,
)
from shared.contracts.callbacks import ClearCallback, DueCallbacks
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import Action, LetterVerdict
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.retention import DeleteEnded
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, RedisWorld, World

HOUR, DAY = 3_600_000, 24 * 3_600_000


def delete(world: World, limit: int = 100) -> tuple[str, ...]:
    return world.do(DeleteEnded(tenant=TENANT, limit=limit)).jobs


def ended(world: World, **changes: object) -> JobRecord:
    job, right = say.running(world, **changes)
    world.do(say.succeed_of(job, right))
    return say.read(world, job.id)


def dead(world: World, **changes: object) -> JobRecord:
    job, right = say.running(world, **changes)
    world.do(say.fail_of(job, right))
    return say.read(world, job.id)


def is_there(world: World, job: str) -> bool:
    page = world.do(ops.ListJobs(tenant=TENANT, before=None, limit=200))
    found = world.do(ops.Read(tenant=TENANT, job=job)) is not None
    assert found == (job in {one.id for one in page.jobs})
    return found


def test_an_ended_job_is_kept_for_its_retention_and_not_longer(world: World) -> None:
    job = ended(world, retention=HOUR)
    world.now += HOUR - 1
    assert delete(world) == ()
    assert is_there(world, job.id)
    world.now += 1

    assert delete(world) == (job.id,)

    assert not is_there(world, job.id)
    assert world.do(ops.Locate(tenant=TENANT, job=job.id)) is None
    assert world.index("kept") == {}


def test_a_job_that_lives_is_kept(world: World) -> None:
    waits = say.submit(world, retention=1)
    runs, _ = say.running(world, retention=1)
    world.now += DAY

    assert delete(world) == ()
    assert is_there(world, waits.id)
    assert is_there(world, runs.id)


def test_a_dead_letter_is_kept_until_it_is_discarded_and_then_as_long_as_any(world: World) -> None:
    job = dead(world, retention=HOUR)
    world.now += 1_000 * DAY
    assert delete(world) == ()
    world.do(letters.Discard(tenant=TENANT, job=job.id, by="key:ops", reason=None))
    world.now += HOUR - 1
    assert delete(world) == ()
    world.now += 1

    assert delete(world) == (job.id,)


def test_a_redriven_job_lives_again(world: World) -> None:
    job = dead(world, retention=1)
    world.do(letters.Redrive(tenant=TENANT, job=job.id, turn=say.token()))
    world.now += DAY

    assert delete(world) == ()
    assert say.read(world, job.id).state is State.QUEUED


def test_a_job_with_an_idempotency_key_is_kept_as_long_as_the_key(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    job = ended(world, retention=1, key=key)
    world.now += DAY - 1
    assert delete(world) == ()
    assert world.do(say.submit_of(world, key=key)).verdict is SubmitVerdict.REPLAYED
    world.now += 1

    assert delete(world) == (job.id,)
    assert world.do(say.submit_of(world, key=key)).verdict is SubmitVerdict.ACCEPTED


def test_a_key_that_another_job_has_by_now_stays(world: World) -> None:
    key = ops.IdempotencyKey(hash="aa", fingerprint="11")
    first = ended(world, retention=HOUR, key=key)
    world.now += DAY
    delete(world)
    second = say.submit(world, key=key)

    assert first.id != second.id
    assert world.do(say.submit_of(world, key=key)).verdict is SubmitVerdict.REPLAYED


def test_a_job_whose_end_was_not_told_is_kept(world: World) -> None:
    job = ended(world, retention=1_000, callback_url="https://example.com")
    world.now += 1_000
    assert delete(world) == ()
    [told] = world.do(DueCallbacks(tenant=TENANT, limit=1))
    world.do(ClearCallback(tenant=TENANT, job=told.job.id, step=told.step))
    assert delete(world) == (), "it is looked at again in a minute"
    world.now += 60_000

    assert delete(world) == (job.id,)


def test_a_batch_is_bounded_and_says_that_there_are_more(world: World) -> None:
    jobs = [ended(world, retention=1).id for _ in range(5)]
    world.now += 1

    batches = [world.do(DeleteEnded(tenant=TENANT, limit=2)) for _ in range(3)]

    assert sorted(job for batch in batches for job in batch.jobs) == sorted(jobs)
    assert [len(batch.jobs) for batch in batches] == [2, 2, 1]
    assert [batch.more for batch in batches] == [True, True, False]


def test_late_news_of_a_deleted_job_changes_nothing(world: World) -> None:
    job, right = say.running(world, retention=1)
    message = RunJob.of(job)
    world.do(say.succeed_of(job, right))
    world.now += 1
    delete(world)

    assert say.claim(world, message).verdict is ClaimVerdict.FINAL
    assert world.do(say.succeed_of(job, right)).verdict is SettleVerdict.LOST
    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.LOST
    archived = ops.Archive(tenant=TENANT, message=message, delivery_limit=True)
    assert world.do(archived).verdict is ArchiveVerdict.ACK
    assert world.do(say.cancel_of(job.id)).verdict is CancelVerdict.NOT_FOUND
    redrive = letters.Redrive(tenant=TENANT, job=job.id, turn=say.token())
    assert world.do(redrive).verdict is LetterVerdict.NOT_FOUND
    assert not is_there(world, job.id)


@pytest.mark.parametrize("change", ["before the deletion", "after it"])
def test_a_deleted_job_is_not_taken_for_a_forgotten_one(world: World, change: str) -> None:
    say.tick(world, seconds=2)
    job, right = say.running(world, retention=1)
    message = RunJob.of(job)
    world.do(say.succeed_of(job, right))
    world.now += 1
    if change == "before the deletion":
        world.change_epoch()
        say.tick(world)
        delete(world)
    else:
        delete(world)
        world.change_epoch()
        say.tick(world)
    say.tick(world, seconds=20)

    assert say.claim(world, message).verdict is ClaimVerdict.FINAL
    assert world.do(say.heartbeat_of(job, right)).verdict is RenewalVerdict.LOST
    archived = ops.Archive(tenant=TENANT, message=message, delivery_limit=True)
    assert world.do(archived).verdict is ArchiveVerdict.ACK
    assert world.do(say.cancel_of(job.id)).verdict is CancelVerdict.NOT_FOUND
    assert not is_there(world, job.id)


def test_a_deleted_job_leaves_nothing_behind(redis_url: str) -> None:
    world = RedisWorld(redis_url)
    try:
        labels = {"team": "ünits", 'o"dd\n': "a=b", "x": ""}
        say.tick(world)
        world.now += DAY  # no record is younger than the store, or so it seems
        for number in (1, 2, 3):
            key = ops.IdempotencyKey(hash=f"{number}", fingerprint="11")
            ended(world, labels=labels, key=key, unique_key=f"u{number}", priority=number * 3)
            scheduled = say.submit(world, labels=labels, delay=5_000)
            world.do(say.cancel_of(scheduled.id))
        world.now += 8 * DAY
        while delete(world, limit=2):
            pass

        left = {name.decode() for name in world.client.scan_iter(f"wm:{{{TENANT}}}:*")}
        # the feed is bounded by itself, and names a job by no more than its id
        names = ("meta", "handed", "counts", "feed")
        house = {f"wm:{{{TENANT}}}:{name}" for name in names}
        assert left <= house
    finally:
        world.close()


# --- a redrive that cannot be


def test_a_redrive_is_refused_while_another_job_has_its_unique_key(world: World) -> None:
    job = dead(world, unique_key="order-1")
    holder = say.submit(world, unique_key="order-1")
    redrive = letters.Redrive(tenant=TENANT, job=job.id, turn=say.token())

    refused = world.do(redrive)
    world.do(say.cancel_of(holder.id))
    done = world.do(redrive)

    assert (refused.verdict, refused.holder) == (LetterVerdict.TAKEN, holder.id)
    assert done.verdict is LetterVerdict.DONE
    again = world.do(say.submit_of(world, unique_key="order-1"))
    assert again.job, "a redriven job has its key again"
    assert (again.verdict, again.job.id) == (SubmitVerdict.DUPLICATE, job.id)


@pytest.mark.parametrize("by_ids", [False, True])
def test_a_campaign_skips_whose_unique_key_is_taken(world: World, by_ids: bool) -> None:
    taken, free = dead(world, unique_key="order-1"), dead(world)
    say.submit(world, unique_key="order-1")
    name = say.job_id(world.now)
    start = letters.StartCampaign(
        tenant=TENANT,
        campaign=name,
        action=Action.REDRIVE,
        ids=(taken.id, free.id) if by_ids else (),
        matched=2,
        rate=1000.0,
        by="key:ops",
    )
    world.do(start)
    world.now += 1_000

    advanced = world.do(
        letters.AdvanceCampaign(tenant=TENANT, campaign=name, turn=say.token(), most=10)
    )

    assert [message.job for message in advanced.publish] == [free.id]
    assert advanced.campaign
    assert (advanced.campaign.done, advanced.campaign.skipped) == (1, 1)
    assert say.read(world, taken.id).dead_letter


# --- a job that never ends


def test_a_job_makes_no_more_than_a_thousand_steps_and_is_not_lost(world: World) -> None:
    job = say.submit(world, unique_key="order-1")
    while True:
        right = say.token()
        answer = say.claim(world, job, token=right)
        if answer.job is None:
            break
        world.do(say.release_of(answer.job, right))

    worn = say.read(world, job.id)
    assert answer.verdict is ClaimVerdict.EXHAUSTED
    assert (worn.state, worn.spent) == (State.FAILED, 0)
    assert worn.dead_letter, "somebody has to look at it"
    assert worn.error
    assert "too_many_steps" in worn.error
    assert 990 < worn.step <= 1_000
    position = world.do(ops.Locate(tenant=TENANT, job=job.id))
    assert position
    assert len(position.steps) == worn.step, "none was trimmed"
    redrive = letters.Redrive(tenant=TENANT, job=job.id, turn=say.token())
    refused = world.do(redrive)
    assert (refused.verdict, refused.job) == (LetterVerdict.WORN_OUT, worn)


def test_the_longest_way_to_an_end_has_room_within_the_thousand(world: World) -> None:
    job = say.submit(world, max_attempts=10_000)
    answer = say.claim(world, job, token=(right := say.token()))
    while answer.job:
        retried = world.do(say.retry_of(answer.job, right, delay=0))
        assert retried.publish
        say.tick(world)
        world.do(say.SWEEP)  # what is due is queued: one more step
        answer = say.claim(world, retried.publish, token=(right := say.token()))

    worn = say.read(world, job.id)
    assert (worn.state, worn.step <= 1_000) == (State.FAILED, True)
