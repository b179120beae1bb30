"""The memory by which a worker tells its zygote which slots may run."""

import os
from collections.abc import Iterator

import pytest

from services.worker.slots.leases import CELLS, LeaseTable, Vigil, patience


@pytest.fixture
def tables() -> Iterator[tuple[LeaseTable, LeaseTable]]:
    """The same table as both sides see it."""
    descriptor = LeaseTable.create()
    pair = LeaseTable(descriptor), LeaseTable(descriptor)
    os.close(descriptor)
    yield pair
    for table in pair:
        table.close()


def test_what_one_side_grants_the_other_sees(tables: tuple[LeaseTable, LeaseTable]) -> None:
    worker, zygote = tables
    worker.grant(3, 100.0)

    assert not zygote.is_stale(3, 112.0, 12.0)
    assert zygote.is_stale(3, 112.1, 12.0)


def test_an_older_renewal_takes_nothing_away(tables: tuple[LeaseTable, LeaseTable]) -> None:
    worker, zygote = tables
    worker.grant(0, 100.0)
    worker.grant(0, 90.0)

    assert not zygote.is_stale(0, 105.0, 12.0)


def test_an_idle_slot_is_never_stale(tables: tuple[LeaseTable, LeaseTable]) -> None:
    worker, zygote = tables
    worker.grant(CELLS - 1, 100.0)
    worker.release(CELLS - 1)

    assert not zygote.is_stale(CELLS - 1, 10**9, 12.0)


def test_patience_is_the_lease_less_three_seconds() -> None:
    assert patience(15.0) == 12.0
    assert patience(4.0) == 1.0
    assert 0 < patience(1.0) < 1.0


def test_a_zygote_is_stuck_after_ten_looks_at_the_same_beat(
    tables: tuple[LeaseTable, LeaseTable],
) -> None:
    worker, zygote = tables
    vigil = Vigil(worker)
    zygote.beat(1.0)
    assert not any(vigil.finds_it_stuck() for _ in range(10))
    zygote.beat(2.0)

    assert [vigil.finds_it_stuck() for _ in range(11)] == [False] * 10 + [True]


def test_a_bound_holds_while_an_attempt_runs_and_not_for_the_next(
    tables: tuple[LeaseTable, LeaseTable],
) -> None:
    worker, zygote = tables
    worker.bind(CELLS - 1, 5 << 30)
    assert zygote.bound(CELLS - 1) is None
    worker.grant(CELLS - 1, 100.0)
    assert zygote.bound(CELLS - 1) == 5 << 30
    worker.release(CELLS - 1)
    assert zygote.bound(CELLS - 1) is None
    worker.bind(CELLS - 1, None)
    worker.grant(CELLS - 1, 101.0)

    assert zygote.bound(CELLS - 1) is None


def test_the_beat_is_no_slot_s_cell(tables: tuple[LeaseTable, LeaseTable]) -> None:
    worker, zygote = tables
    zygote.beat(1.0)

    assert not any(worker.is_stale(slot, 100.0, 12.0) for slot in range(CELLS))
    assert worker.last_beat == 1.0
