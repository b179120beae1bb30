"""SurveyOutbox: what the broker has not confirmed, on the fake and on Redis."""

from shared.contracts import operations as ops
from shared.contracts.queues import OutboxTally, SurveyOutbox
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World


def survey(world: World) -> OutboxTally:
    return world.do(SurveyOutbox(tenant=TENANT))


def test_a_tenant_whose_messages_are_confirmed_owes_none(world: World) -> None:
    say.submit(world)

    assert survey(world) == OutboxTally(entries=0, oldest=None)


def test_the_age_counts_from_when_a_message_became_necessary_however_often_it_is_tried(
    world: World,
) -> None:
    first = say.submit_unconfirmed(world)
    world.now += 10_000
    say.tick(world)
    assert world.do(say.SWEEP).publish
    say.submit_unconfirmed(world)
    world.now += 1_000

    assert survey(world) == OutboxTally(entries=2, oldest=11_000)
    world.do(ops.Confirm(tenant=TENANT, job=first.id, dispatch=first.dispatch))
    assert survey(world) == OutboxTally(entries=1, oldest=1_000)


def test_a_new_dispatch_is_as_old_as_itself(world: World) -> None:
    job, right = say.running(world)
    world.now += 60_000
    world.do(say.retry_of(job, right, delay=5_000))
    world.now += 500

    assert survey(world) == OutboxTally(entries=1, oldest=500)


def test_of_very_many_the_eldest_is_found_among_those_that_were_tried_most(world: World) -> None:
    say.submit_unconfirmed(world)
    for _ in range(4):  # it is seen to again in 40 s by then, after all the others
        world.now += 45_000
        say.tick(world)
        world.do(say.SWEEP)
    for _ in range(250):
        say.submit_unconfirmed(world)

    assert survey(world) == OutboxTally(entries=251, oldest=180_000)
