"""What Redis holds of jobs that came together: also where their script breaks off."""

from collections.abc import Iterator
from typing import cast

import pytest

from shared.contracts import operations as ops
from shared.contracts.batches import SubmitMany
from shared.contracts.errors import StoreUnavailable
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, RedisWorld

START = f"wm:{{{TENANT}}}:"
FIRST_STEP_TAKES = 2_000  # bytes at most; 4,200 with a node as Redis comes


@pytest.fixture
def world(redis_url: str) -> Iterator[RedisWorld]:
    made = RedisWorld(redis_url)
    yield made
    made.close()


def test_what_is_on_record_before_a_batch_breaks_off_is_owed_its_message(world: RedisWorld) -> None:
    """Nobody accepted it: but were it silent, a repeat with its key would be told it is safe."""
    jobs = tuple(
        say.submit_of(world, key=ops.IdempotencyKey(hash=f"{n}", fingerprint="1")) for n in range(3)
    )
    world.client.xadd(f"{START}steps:{jobs[1].job}", {"left": "over"}, id="7-0")

    with pytest.raises(StoreUnavailable):
        world.do(SubmitMany(tenant=TENANT, jobs=jobs))

    assert say.read(world, jobs[0].job).state is State.QUEUED
    assert jobs[0].job in world.index("outbox")
    assert listed(world) >= {jobs[0].job}
    world.now += 5_000
    published = {message.job for message, _ in world.do(say.SWEEP).publish}
    assert jobs[0].job in published


def test_a_job_takes_little_memory_beforehand(world: RedisWorld) -> None:
    job = say.submit(world)

    taken = cast("int", world.client.memory_usage(f"{START}steps:{job.id}"))

    assert taken < FIRST_STEP_TAKES


def listed(world: RedisWorld) -> set[str]:
    found = cast("list[bytes]", world.client.zrange(f"{START}jobs", 0, -1))
    return {job.decode() for job in found}
