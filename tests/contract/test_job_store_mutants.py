"""Whether the state machine would notice: every seeded bug must break it."""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.store_machine import machine_on
from tests.contract.store_mutants import MUTANTS, Mutant
from tests.contract.store_worlds import RedisWorld, TwinWorld, held_scripts

# Each bug has its seed, so always the same examples, and few; a machine that has changed may need
# many of them until the seeds are chosen anew.
ENOUGH = settings(
    max_examples=300,
    stateful_step_count=30,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_bug_is_caught(mutant: Mutant, redis_url: str) -> None:
    real = RedisWorld(redis_url, held_scripts(mutant.source))

    def both() -> TwinWorld:
        real.begin()
        return TwinWorld(real)

    try:
        with pytest.raises(AssertionError):
            run_state_machine_as_test(seed(mutant.seed)(machine_on(both)), settings=ENOUGH)
    finally:
        real.close()


def test_there_are_at_least_twenty() -> None:
    assert len({mutant.name for mutant in MUTANTS}) >= 20
