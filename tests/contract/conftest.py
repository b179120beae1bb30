"""What both stores are given to prove themselves in."""

from collections.abc import Iterator

import pytest

from tests.contract.store_worlds import FakeWorld, RedisWorld, World


@pytest.fixture(params=["fake", "redis"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """An empty store, in memory and on a real Redis."""
    if request.param == "fake":
        yield FakeWorld()
        return
    real = RedisWorld(request.getfixturevalue("redis_url"))
    yield real
    real.close()
