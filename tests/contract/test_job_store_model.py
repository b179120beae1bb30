"""The state machine of racing callers, on the fake and on fake and Redis side by side."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.store_batching import batch_machine_on
from tests.contract.store_keeping import keeping_machine_on
from tests.contract.store_worlds import FakeWorld, RedisWorld, TwinWorld

EXAMPLES_ON_FAKE = 150
EXAMPLES_ON_BOTH = 60
EXAMPLES_OF_BATCHES = 40
STEPS = 40


def bounded(examples: int, steps: int = STEPS) -> settings:
    """Scale with the profile: nightly runs take their time."""
    scale = max(1, settings().max_examples // 300)
    return settings(
        max_examples=examples * scale,
        stateful_step_count=steps,
        deadline=None,
        derandomize=settings().derandomize,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.fixture
def real(redis_url: str) -> Iterator[RedisWorld]:
    world = RedisWorld(redis_url)
    yield world
    world.close()


def test_no_order_of_steps_and_faults_breaks_the_fake() -> None:
    run_state_machine_as_test(keeping_machine_on(FakeWorld), settings=bounded(EXAMPLES_ON_FAKE))


def test_no_order_of_steps_and_faults_breaks_redis_or_makes_it_differ_from_the_fake(
    real: RedisWorld,
) -> None:
    def both() -> TwinWorld:
        real.begin()
        return TwinWorld(real)

    run_state_machine_as_test(keeping_machine_on(both), settings=bounded(EXAMPLES_ON_BOTH))


def test_no_batch_differs_from_its_jobs_one_by_one(real: RedisWorld) -> None:
    def both() -> TwinWorld:
        real.begin()
        return TwinWorld(real)

    run_state_machine_as_test(
        batch_machine_on(both), settings=bounded(EXAMPLES_OF_BATCHES, steps=15)
    )
