"""One scenario, two sides: `@finding("what stock does")` runs it on both."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.stock.our_side import Ours
from tests.faults.stock.sides import Side
from tests.faults.stock.stock_side import Stock
from tests.nodes import Rabbit, Redis

SIDES: dict[str, Callable[[Rabbit, str, Redis, Path], Side]] = {"stock": Stock, "ours": Ours}


@pytest.fixture
def side(
    request: pytest.FixtureRequest,
    rabbitmq: Rabbit,
    amqp_url: str,
    new_redis: Callable[[], Redis],
    tmp_path: Path,
) -> Iterator[Side]:
    """The side that the test's parameter names, on nodes of its own, with no worker yet."""
    built = SIDES[request.param](rabbitmq, amqp_url, new_redis(), tmp_path)
    try:
        yield built
    finally:
        built.close()
