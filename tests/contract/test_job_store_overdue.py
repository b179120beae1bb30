"""FindOverdue and Expect: which waiting job has lost its message, on the fake and on Redis."""

import pytest

from shared.contracts import operations as ops
from shared.contracts.answers import ClaimVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.overdue import Expect, FindOverdue, FoundOverdue, QueueNews
from shared.contracts.topology import work_queue
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, RedisWorld, World

AFTER = 60_000
QUEUE = "waymark.default"


@pytest.fixture
def world(world: World) -> World:
    """A tenant that is older than the rule's own grace."""
    say.tick(world)
    world.now += AFTER
    return world


def look(
    world: World,
    *,
    handed: int = 0,
    empty: bool = False,
    held: frozenset[str] = frozenset(),
    queue: str = QUEUE,
    limit: int = 100,
) -> FoundOverdue:
    news = (QueueNews(queue=queue, handed=handed, empty=empty),)
    return world.do(FindOverdue(tenant=TENANT, after=AFTER, news=news, held=held, limit=limit))


def jobs(found: FoundOverdue) -> list[str]:
    return [message.job for message in found.publish]


def test_in_an_empty_queue_a_job_is_overdue_after_a_minute_and_gets_a_new_dispatch(
    world: World,
) -> None:
    job = say.submit(world)
    world.now += AFTER
    assert jobs(look(world, empty=True)) == []
    world.now += 1

    found = look(world, empty=True)

    kept = say.read(world, job.id)
    assert (kept.state, kept.dispatch) == (State.QUEUED, 2)
    assert found.publish == (RunJob.of(kept),)
    assert list(world.index("outbox")) == [job.id]
    assert world.index("waiting") == {}
    assert jobs(look(world, empty=True)) == []


def test_it_waits_anew_from_the_confirm_of_the_new_message(world: World) -> None:
    job = say.submit(world)
    world.now += AFTER + 1
    look(world, empty=True)
    world.now += 2_000
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))

    assert world.index("waiting") == {job.id: world.now}


def test_the_lost_message_is_stale_if_it_comes_all_the_same(world: World) -> None:
    job = say.submit(world)
    world.now += AFTER + 1
    ((message),) = look(world, empty=True).publish

    assert say.claim(world, job).verdict is ClaimVerdict.STALE
    assert say.claim(world, message).verdict is ClaimVerdict.RUN


def test_where_a_queue_is_not_empty_time_alone_makes_nothing_overdue(world: World) -> None:
    say.submit(world)
    world.now += 100 * AFTER

    assert jobs(look(world)) == []


def test_a_queue_that_has_handed_out_a_message_a_minute_younger_has_lost_the_elder(
    world: World,
) -> None:
    elder = say.submit(world)
    handed = world.now + AFTER

    assert jobs(look(world, handed=handed)) == []
    assert jobs(look(world, handed=handed + 1)) == [elder.id]


def test_a_claim_tells_when_its_message_was_enqueued(world: World) -> None:
    assert look(world).handed == {}
    first = say.submit(world)
    at = world.now
    world.now += 9_000
    assert look(world).handed == {QUEUE: 0}
    say.claim(world, first)

    found = look(world)

    assert (found.handed, found.waiting) == ({QUEUE: at}, frozenset())


def test_a_released_message_comes_again_and_is_no_younger(world: World) -> None:
    job, right = say.running(world)
    at = world.now
    world.now += 9_000
    world.do(say.release_of(job, right))
    assert world.index("waiting") == {job.id: world.now}
    world.now += 1_000
    say.claim(world, say.read(world, job.id))

    assert look(world).handed == {QUEUE: at}


def test_a_message_that_was_due_is_as_young_as_that(world: World) -> None:
    job = say.submit(world, delay=4_000)
    due = world.now + 4_000
    say.claim(world, job)
    assert look(world).handed == {QUEUE: due - 4_000}
    world.now = due
    say.claim(world, job)

    assert look(world).handed == {QUEUE: due}


def test_a_paused_job_counts_from_when_its_copy_should_be_back(world: World) -> None:
    job = say.submit(world)
    answer = say.claim(world, job, paused=True)

    assert answer.verdict is ClaimVerdict.PAUSED
    assert world.index("waiting") == {job.id: world.now + answer.delay}


def test_a_job_that_becomes_due_counts_from_then(world: World) -> None:
    scheduled = say.submit(world, delay=4_000)
    due = world.now + 4_000
    assert world.index("waiting") == {}
    world.now = due + 1_500
    world.do(say.SWEEP)

    assert world.index("waiting") == {scheduled.id: due}


def test_a_job_that_is_due_before_its_confirm_counts_from_the_confirm(world: World) -> None:
    job = say.submit_unconfirmed(world, delay=1_000)
    world.now += 1_500
    world.do(say.SWEEP)
    assert world.index("waiting") == {}
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=1))

    assert world.index("waiting") == {job.id: world.now}


def end_by_cancel(world: World, job: JobRecord) -> None:
    world.do(say.cancel_of(job.id))


def end_by_park(world: World, job: JobRecord) -> None:
    world.do(ops.Park(tenant=TENANT, message=RunJob.of(job), fault=say.FAULT))


def end_by_claim(world: World, job: JobRecord) -> None:
    say.claim(world, job)


@pytest.mark.parametrize("leave", [end_by_cancel, end_by_park, end_by_claim])
def test_what_no_longer_waits_is_never_overdue(world: World, leave: object) -> None:
    assert callable(leave)
    job = say.submit(world)
    leave(world, job)
    world.now += AFTER + 1

    assert world.index("waiting") == {}
    assert jobs(look(world, empty=True)) == []


def test_a_message_that_a_worker_holds_is_not_overdue_and_hides_no_other(world: World) -> None:
    held = say.submit(world)
    lost = say.submit(world)
    world.now += AFTER + 1

    found = look(world, empty=True, held=frozenset({held.id}), limit=1)

    assert (jobs(found), found.more) == ([lost.id], False)


def test_each_priority_class_is_a_queue_of_its_own(world: World) -> None:
    found = {}
    for priority in range(10):
        job = say.submit(world, priority=priority)
        found[priority] = (job.id, work_queue("default", priority))
    world.now += AFTER + 1

    for queue in dict.fromkeys(queue for _, queue in found.values()):
        overdue = jobs(look(world, empty=True, queue=queue))
        assert overdue == [job for job, its in found.values() if its == queue]


def test_what_is_overdue_comes_in_batches_the_longest_waiting_first(world: World) -> None:
    waiting = []
    for _ in range(5):
        waiting.append(say.submit(world).id)
        world.now += 10
    world.now += AFTER
    batches = []
    while True:
        found = look(world, empty=True, limit=2)
        batches.append(jobs(found))
        if not found.more:
            break

    assert batches == [waiting[:2], waiting[2:4], waiting[4:]]


def test_after_a_change_of_epoch_nothing_is_overdue_for_as_long(world: World) -> None:
    job = say.submit(world)
    world.now += AFTER + 1
    world.change_epoch()
    say.tick(world)
    world.now += AFTER - 1

    assert jobs(look(world, empty=True)) == []
    world.now += 1
    assert jobs(look(world, empty=True)) == [job.id]


def test_a_record_that_went_back_after_its_message_was_acked_is_found(world: World) -> None:
    job = say.submit(world)
    snapshot = world.snapshot()
    world.now += 100
    right = say.token()
    claimed = say.claim(world, job, token=right).job
    assert claimed
    world.do(say.succeed_of(claimed, right))
    world.restore(snapshot)
    say.tick(world)
    world.now += AFTER

    assert jobs(look(world, empty=True)) == [job.id]


def test_a_record_that_somebody_deleted_by_hand_holds_up_no_other(
    redis_url: str,
) -> None:
    world = RedisWorld(redis_url)
    say.tick(world)
    gone, lost = say.submit(world), say.submit(world)
    world.client.delete(f"wm:{{{TENANT}}}:job:{gone.id}")
    world.now += AFTER + 1

    assert jobs(look(world, empty=True)) == [lost.id]
    assert gone.id not in world.index("waiting")
    world.close()


def test_a_copy_sent_round_without_a_claim_is_expected_later(world: World) -> None:
    job = say.submit(world)
    expect = Expect(tenant=TENANT, job=job.id, dispatch=1, delay=30_000)

    assert world.do(expect) is True
    assert world.index("waiting") == {job.id: world.now + 30_000}


def test_only_a_waiting_job_of_that_dispatch_is_expected(world: World) -> None:
    unconfirmed = say.submit_unconfirmed(world)
    running, _ = say.running(world)
    confirmed = say.submit(world)
    asked = [(unconfirmed.id, 1), (running.id, 1), (confirmed.id, 2), (say.job_id(world.now), 1)]

    for job, dispatch in asked:
        assert world.do(Expect(tenant=TENANT, job=job, dispatch=dispatch, delay=1)) is False
    assert list(world.index("waiting")) == [confirmed.id]
