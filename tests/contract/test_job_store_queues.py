"""SurveyQueues: what lies in each queue, on the fake and on Redis."""

from collections import Counter

from shared.contracts import operations as ops
from shared.contracts.answers import ClaimVerdict
from shared.contracts.lifecycle import State
from shared.contracts.queues import QueueTally, SurveyQueues
from shared.contracts.topology import PriorityClass
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World


def survey(world: World) -> dict[str, QueueTally]:
    """Return what is not empty."""
    return dict(world.do(SurveyQueues(tenant=TENANT)))


def states(world: World, queue: str = "default") -> dict[State, int]:
    return {state: n for state, n in survey(world)[queue].elsewhere.items() if n}


def test_a_tenant_that_has_used_nothing_has_no_queues(world: World) -> None:
    assert survey(world) == {}


def test_jobs_wait_by_class_and_the_eldest_tells_the_age(world: World) -> None:
    for priority in (9, 5, 4, 0):
        say.submit(world, priority=priority)
        world.now += 1_000
    say.submit(world, queue="bulk")
    world.now += 500

    found = survey(world)

    assert found["default"].waiting == {
        PriorityClass.HIGH: 1,
        PriorityClass.NORMAL: 2,
        PriorityClass.LOW: 1,
    }
    assert (found["default"].depth, found["default"].oldest) == (4, 4_500)
    assert (found["bulk"].depth, found["bulk"].oldest) == (1, 500)


def test_a_job_whose_message_is_not_confirmed_does_not_wait_yet(world: World) -> None:
    say.submit_unconfirmed(world)

    assert survey(world) == {}


def test_a_job_is_counted_where_it_stands_and_nowhere_else(world: World) -> None:
    job, right = say.running(world)
    assert (survey(world)["default"].depth, states(world)) == (0, {State.RUNNING: 1})

    world.do(say.retry_of(job, right, delay=1_000))
    assert states(world) == {State.RETRYING: 1}

    world.now += 1_000
    say.tick(world)
    world.do(say.SWEEP)
    assert states(world) == {}
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))
    assert (survey(world)["default"].depth, states(world)) == (1, {})


def test_what_is_scheduled_is_counted_until_it_is_called_off(world: World) -> None:
    job = say.submit(world, delay=60_000, queue="bulk")
    assert states(world, "bulk") == {State.SCHEDULED: 1}

    world.do(ops.Cancel(tenant=TENANT, job=job.id, reason=None))

    assert survey(world) == {}


def test_a_queue_that_is_empty_again_stays_known(world: World) -> None:
    job, right = say.running(world)
    world.do(say.succeed_of(job, right))

    assert survey(world) == {"default": QueueTally()}


def test_a_job_that_comes_back_after_a_wipe_is_counted_once(world: World) -> None:
    job = say.submit(world)
    world.wipe()
    say.tick(world, seconds=say.LEASE // 1000 + 1)

    assert say.claim(world, job).verdict is ClaimVerdict.RUN
    assert states(world) == {State.RUNNING: 1}


def test_of_two_tenants_the_counts_add_up_and_the_elder_wait_tells_the_age() -> None:
    high, low, running = PriorityClass.HIGH, PriorityClass.LOW, State.RUNNING
    one = QueueTally(waiting=Counter({high: 1}), oldest=10, elsewhere=Counter({running: 2}))
    other = Counter({high: 2, low: 1})
    one.add(QueueTally(waiting=other, oldest=30, elsewhere=Counter({running: 1})))
    one.add(QueueTally())

    assert (one.depth, one.oldest, one.elsewhere) == (4, 30, {running: 3})
