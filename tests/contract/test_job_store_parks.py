"""Park, for a job whose record is not there; on the fake and on Redis."""

from shared.contracts import operations as ops
from shared.contracts.answers import ArchiveVerdict, ParkVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World


def forgotten(world: World) -> RunJob:
    """The message of a job whose store has forgotten it and was born again a second later."""
    message = RunJob.of(say.submit(world))
    world.now += 1_000
    world.wipe()
    say.tick(world)
    return message


def park(world: World, message: RunJob) -> ParkVerdict:
    return world.do(ops.Park(tenant=TENANT, message=message, fault=say.FAULT))


def filed(world: World, message: RunJob) -> ArchiveVerdict:
    return world.do(ops.Archive(tenant=TENANT, message=message, delivery_limit=False)).verdict


def test_a_forgotten_job_of_a_type_nobody_knows_is_rebuilt_as_a_dead_letter(world: World) -> None:
    message = forgotten(world)

    assert park(world, message) is ParkVerdict.PARKED
    kept = say.read(world, message.job)
    assert (kept.state, kept.step) == (State.FAILED, 2)
    assert kept.dead_letter
    assert kept.dead_letter.reason is DeadLetterReason.UNKNOWN_TYPE
    assert park(world, message) is ParkVerdict.LEFT
    assert filed(world, message) is ArchiveVerdict.ACK


def test_one_that_was_cancelled_meanwhile_is_left_to_the_archivist(world: World) -> None:
    message = forgotten(world)
    world.do(say.cancel_of(message.job))

    assert park(world, message) is ParkVerdict.LEFT
    assert filed(world, message) is ArchiveVerdict.ACK
    assert say.read(world, message.job).state is State.CANCELLED


def test_a_message_of_an_unknown_type_that_outlived_its_record_does_not_go_round_for_ever(
    world: World,
) -> None:
    say.submit(world)
    world.now += 1
    known = RunJob.of(say.submit(world))
    message = RunJob(job=say.job_id(world.now), type="gone", payload="{}", options=known.options)

    assert park(world, message) is ParkVerdict.LEFT
    assert filed(world, message) is ArchiveVerdict.ACK
    assert world.do(ops.Read(tenant=TENANT, job=message.job)) is None
