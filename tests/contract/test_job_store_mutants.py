"""Whether the state machine would notice: every seeded bug must break it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.contract.store_batching import batch_machine_on
from tests.contract.store_batching_mutants import BATCHING_MUTANTS
from tests.contract.store_keeping import keeping_machine_on
from tests.contract.store_keeping_mutants import KEEPING_MUTANTS
from tests.contract.store_machine import machine_on
from tests.contract.store_mutants import MUTANTS, Mutant
from tests.contract.store_worlds import RedisWorld, TwinWorld, World, held_scripts

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


class FromTheSeedAlone(HypothesisProvider):
    """Draws what the seed says.

    Hypothesis mixes in constants of whatever modules are loaded: then a seed finds its bug alone,
    and not in the company of other tests.
    """

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS["seed"] = FromTheSeedAlone

# The examples of the larger machine take longer: its seeds find their bug within these, and have
# to be chosen anew when the machine has changed.
FEW = settings(ENOUGH, max_examples=10, backend="seed")
SHORT = settings(FEW, stateful_step_count=15)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_bug_is_caught(mutant: Mutant, redis_url: str) -> None:
    catch(mutant, redis_url, machine_on, ENOUGH)


@pytest.mark.parametrize("mutant", KEEPING_MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_bug_in_what_is_kept_is_caught(mutant: Mutant, redis_url: str) -> None:
    catch(mutant, redis_url, keeping_machine_on, FEW)


@pytest.mark.parametrize("mutant", BATCHING_MUTANTS, ids=lambda mutant: mutant.name)
def test_a_seeded_bug_in_batches_is_caught(mutant: Mutant, redis_url: str) -> None:
    catch(mutant, redis_url, batch_machine_on, SHORT)


def catch(
    mutant: Mutant,
    redis_url: str,
    machine: Callable[[Callable[[], World]], type[RuleBasedStateMachine]],
    examples: settings,
) -> None:
    """Run the machine on fake and mutant side by side until they differ."""
    real = RedisWorld(redis_url, held_scripts(mutant.source))

    def both() -> TwinWorld:
        real.begin()
        return TwinWorld(real)

    try:
        with pytest.raises(AssertionError):
            run_state_machine_as_test(seed(mutant.seed)(machine(both)), settings=examples)
    finally:
        real.close()


def test_there_are_at_least_twenty() -> None:
    assert len({mutant.name for mutant in MUTANTS}) >= 20
