"""Who is asked to move when, and how long a drain lasts."""

import asyncio
from collections.abc import Collection

import pytest

from services.notifier.door import GOING_AWAY, TOO_FAST, Door, Threshold
from services.notifier.draining import LEAST_WAVE, WAVE_SECONDS, Drain, Haste, plan
from tests.fakes.stream import unframed


@pytest.mark.parametrize("connections", [1, 20, 21, 500, 10_000, 100_000])
@pytest.mark.parametrize("total", [0.0, 1.0, 8.0, 30.0, 300.0])
def test_a_plan_fits_into_its_time(connections: int, total: float) -> None:
    how = plan(connections, Haste(total=total))

    waves = -(-connections // how.size)
    assert how.size >= LEAST_WAVE
    assert waves * WAVE_SECONDS + how.stay <= max(total, WAVE_SECONDS) + WAVE_SECONDS
    assert how.after_ms <= how.stay * 1000


def test_few_move_at_once_and_many_are_spread_over_the_time() -> None:
    assert plan(1, Haste()).after_ms == 10
    assert plan(10_000, Haste()).size == 42  # 240 waves in 24 s


class FakeGuest:
    def __init__(self, guests: set["FakeGuest"], *, moves: bool) -> None:
        self.told: list[tuple[dict[str, object], float]] = []
        self.at = 0.0
        self._guests, self._moves = guests, moves
        guests.add(self)

    def drain(self, notice: bytes, *, leave_by: float) -> None:
        self.at = asyncio.get_running_loop().time()
        self.told.append((unframed(notice), leave_by))
        if self._moves:
            self._guests.discard(self)

    def revoked(self, keys: Collection[str]) -> None:
        pass


def a_drain(guests: Collection[FakeGuest], haste: Haste) -> tuple[Drain, Door]:
    door = Door(Threshold(), now=0.0)

    def close() -> None:
        door.closed = True

    loop = asyncio.get_running_loop()
    return Drain(haste, guests, close_door=close, now=loop.time), door


async def test_everybody_is_asked_once_in_waves_and_it_ends_when_they_are_gone() -> None:
    guests: set[FakeGuest] = set()
    all_of_them = [FakeGuest(guests, moves=True) for _ in range(50)]
    drain, door = a_drain(guests, Haste(total=30.0))
    before = drain.complaint
    began = asyncio.get_running_loop().time()

    await drain.run(lambda: False)

    assert asyncio.get_running_loop().time() - began < 2.0
    assert (before, drain.complaint) == (None, "this server goes away")
    assert door.knock("", 1.0) == GOING_AWAY
    assert {len(guest.told) for guest in all_of_them} == {1}
    frame = {"type": "drain", "after_ms": [0, 500], "grace_ms": 5000}
    assert all(guest.told[0][0] == frame for guest in all_of_them)
    moments = sorted(guest.at for guest in all_of_them)
    assert moments[19] < moments[20] - WAVE_SECONDS / 2 < moments[40] - WAVE_SECONDS


async def test_it_does_not_wait_for_who_stays_beyond_the_end() -> None:
    guests: set[FakeGuest] = set()
    stayer = FakeGuest(guests, moves=False)
    drain, _ = a_drain(guests, Haste(total=1.0))
    began = asyncio.get_running_loop().time()

    await drain.run(lambda: False)

    assert 1.0 < asyncio.get_running_loop().time() - began < 3.0
    assert stayer.told[0][1] <= began + 1.0


async def test_who_hurries_it_ends_it() -> None:
    guests: set[FakeGuest] = set()
    FakeGuest(guests, moves=False)
    drain, _ = a_drain(guests, Haste(total=30.0, lead=30.0))

    async with asyncio.timeout(1.0):
        await drain.run(lambda: True)


def test_the_door_lets_in_so_many_at_once_and_so_many_a_second() -> None:
    door = Door(Threshold(per_second=2.0, burst=2), now=0.0)

    assert [door.knock("", at) for at in (0.0, 0.0, 0.0, 0.5)] == [None, None, TOO_FAST, None]
