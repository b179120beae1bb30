"""Places that many wait for are read together; who makes mistakes harms only himself."""

from collections.abc import AsyncIterator

import pytest

from shared.stream.merge import Event
from shared.stream.place import Place
from tests.unit.shared.stream.boarding import STATES, Follower, House, comes_true, states


@pytest.fixture
async def house() -> AsyncIterator[House]:
    it = House()
    await it.board.start()
    yield it
    await it.board.close()


class Clumsy(Follower):
    """Makes a mistake whenever it is told something."""

    def happened(self, job: str, event: Event) -> None:
        raise ValueError(job)

    def placed(self, job: str, place: Place | None) -> None:
        raise ValueError(job)

    def disturbed(self, job: str) -> None:
        raise ValueError(job)


async def test_the_mistakes_of_one_watcher_are_nobody_elses(house: House) -> None:
    job, other = house.submit(), house.submit()
    Clumsy(house.board, job).watch()
    followers = [Follower(house.board, each).watch() for each in (job, other)]
    await comes_true(lambda: all(follower.client.live for follower in followers))

    house.start(job)
    house.feed.cut()
    house.start(other)
    await house.feed.mend()

    await comes_true(lambda: [states(follower) for follower in followers] == [STATES[:2]] * 2)
    assert all(not follower.client.breaches for follower in followers)


async def test_places_that_are_wanted_together_are_asked_for_together(house: House) -> None:
    house.store.gate.clear()
    jobs = [house.submit() for _ in range(100)]
    followers = [Follower(house.board, job).watch() for job in jobs]

    await comes_true(lambda: len(house.store.after_steps) == 100)
    house.store.gate.set()

    await comes_true(lambda: all(follower.client.live for follower in followers))
    assert len(house.feed.asked) <= 4, "a tenant's channel is asked about once for many"
    assert len(house.store.after_steps) == 100


async def test_a_tenant_with_many_jobs_does_not_keep_others_waiting(house: House) -> None:
    house.store.gate.clear()
    many = [Follower(house.board, house.submit()).watch() for _ in range(500)]
    other = Follower(house.board, house.submit("other"), tenant="other").watch()

    await comes_true(lambda: len(house.store.after_steps) >= 200)

    assert "other" in house.feed.asked
    house.store.gate.set()
    await comes_true(lambda: other.client.live and all(one.client.live for one in many))
