"""How many workers a type has: those that would begin a job of it."""

import pytest
from msgspec.structs import replace

from services.gateway.catalogue import Catalogue
from shared.contracts.catalog import WorkerCard
from tests.fakes.registry import FakeRegistry, a_worker, an_entry


@pytest.mark.parametrize(
    ("card", "counted"),
    [
        (a_worker("w1", "reports", "default"), 1),
        (a_worker("w1", "default"), 0),
        (a_worker("w1", "reports", types=("other",)), 0),
        (replace(a_worker("w1", "reports"), draining=True), 0),
    ],
    ids=["serves its queue", "serves another queue", "does not know it", "drains"],
)
async def test_a_worker_counts_for_a_type_while_it_would_begin_its_jobs(
    card: WorkerCard, counted: int
) -> None:
    registry = FakeRegistry(an_entry("demo.steps", queue="reports"))
    registry.cards.append(card)

    found = await Catalogue(registry=registry).look_up("demo.steps")

    assert found.workers == counted
