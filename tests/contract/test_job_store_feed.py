"""A tenant's feed, on the fake and on Redis; and whether a bug in it would be noticed."""

import pytest

from shared.adapters.store_redis.scripts import Source, packaged
from shared.contracts.feed import KEPT_TRANSITIONS
from tests.contract.store_feed import SCENARIOS, SHORT, Scenario, of_very_many_the_oldest_go
from tests.contract.store_feed_mutants import FEED_MUTANTS
from tests.contract.store_mutants import Mutant
from tests.contract.store_worlds import RedisWorld, World, held_scripts


def shortened(source: Source) -> Source:
    """Give the texts with a feed that soon loses its oldest."""
    return lambda file: source(file).replace(f"'{KEPT_TRANSITIONS}'", f"'{SHORT}'")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_feed(scenario: Scenario, world: World) -> None:
    scenario(world)


def test_of_very_many_transitions_the_oldest_go(redis_url: str) -> None:
    world = RedisWorld(redis_url, held_scripts(shortened(packaged)))
    try:
        of_very_many_the_oldest_go(world)
    finally:
        world.close()


def test_as_many_transitions_are_kept_as_is_said() -> None:
    assert f"FEED_LENGTH = PREFIX .. 'feed', '{KEPT_TRANSITIONS}'" in packaged("prelude")


def test_a_tenant_that_is_born_again_has_no_feed_of_its_former_life(redis_url: str) -> None:
    world = RedisWorld(redis_url)
    try:
        SCENARIOS[0](world)
        world.client.delete("wm:{acme}:meta")  # as a restore of half a backup leaves it
        SCENARIOS[0](world)
    finally:
        world.close()


@pytest.mark.parametrize(
    ("mutant", "scenario"), FEED_MUTANTS, ids=lambda it: getattr(it, "name", "")
)
def test_a_seeded_bug_is_caught(mutant: Mutant, scenario: Scenario, redis_url: str) -> None:
    world = RedisWorld(redis_url, held_scripts(shortened(mutant.source)))
    try:
        with pytest.raises(AssertionError):
            scenario(world)
    finally:
        world.close()
