"""Who is told what, in which order, and that nobody's mistake is everybody's."""

import asyncio
from collections.abc import Collection

from shared.stream import telling
from shared.stream.audience import Key, Watcher
from shared.stream.merge import Event
from shared.stream.place import Place
from shared.stream.telling import Teller
from tests.eventually import eventually_async

KEY = ("acme", "job")


class Listener:
    def __init__(self, breaks: bool = False) -> None:
        self.heard: list[int] = []
        self.breaks = breaks

    def happened(self, job: str, event: Event) -> None:
        self.heard.append(event.revision)
        if self.breaks:
            raise ValueError("a mistake")

    def placed(self, job: str, place: Place | None) -> None:
        raise AssertionError

    def disturbed(self, job: str) -> None:
        raise AssertionError


class Hall:
    def __init__(self, listeners: int) -> None:
        self.listeners = [Listener() for _ in range(listeners)]
        self.lost = 0
        self.told: list[tuple[int, int]] = []  # revision, and how much all had heard by then
        self.teller = Teller(self._watchers, told=self._note, lost=self._lose)

    def tell(self, revision: int, *, transition: bool = True) -> None:
        self.teller.tell(KEY, Event("e", revision, revision, transition, b"x"))

    async def everybody_was_told(self) -> None:
        async def quiet() -> bool:
            return len(self.teller) == 0

        await eventually_async(quiet)

    def _watchers(self, key: Key) -> Collection[Watcher]:
        assert key == KEY
        return self.listeners

    def _note(self, event: Event) -> None:
        self.told.append((event.revision, sum(len(one.heard) for one in self.listeners)))

    def _lose(self) -> None:
        self.lost += 1


async def test_a_watcher_that_makes_a_mistake_keeps_nobody_from_hearing() -> None:
    hall = Hall(3)
    hall.listeners[1].breaks = True

    hall.tell(1)
    hall.tell(2)

    assert [one.heard for one in hall.listeners] == [[1, 2]] * 3


async def test_more_than_a_turn_holds_is_told_in_several_and_in_order() -> None:
    hall = Hall(telling.MOST_TOLD + 1)
    turns = 0

    for revision in (1, 2, 3):
        hall.tell(revision)
    told_at_once = sum(len(one.heard) for one in hall.listeners)
    while len(hall.teller):
        before = sum(len(one.heard) for one in hall.listeners)
        await asyncio.sleep(0)
        assert sum(len(one.heard) for one in hall.listeners) - before <= telling.MOST_TOLD
        turns += 1

    assert told_at_once == 0
    assert hall.told == [(number, len(hall.listeners) * number) for number in (1, 2, 3)]
    assert turns >= 4
    assert all(one.heard == [1, 2, 3] for one in hall.listeners)


async def test_what_comes_while_others_wait_is_told_after_them() -> None:
    hall = Hall(telling.MOST_TOLD)
    hall.tell(1)
    hall.tell(2)
    await asyncio.sleep(0)
    hall.tell(3)

    await hall.everybody_was_told()

    assert all(one.heard == [1, 2, 3] for one in hall.listeners)


async def test_of_too_much_progress_what_came_last_is_dropped_and_no_step() -> None:
    hall = Hall(telling.MOST_TOLD + 1)
    for revision in range(1, telling.MOST_WAITING + 1):
        hall.tell(revision, transition=False)

    hall.tell(1_000_001, transition=False)
    hall.tell(1_000_002)

    assert hall.teller.dropped == 1
    assert len(hall.teller) == telling.MOST_WAITING + 1
    assert hall.lost == 0


async def test_far_too_much_is_dropped_as_a_whole_and_said_to_be_lost() -> None:
    hall = Hall(telling.MOST_TOLD + 1)

    for revision in range(telling.MOST_OF_ALL + 1):
        hall.tell(revision)

    assert hall.lost == 1
    assert len(hall.teller) == 0
    hall.listeners = hall.listeners[:1]
    hall.tell(2_000_000)
    await hall.everybody_was_told()
    assert hall.listeners[0].heard == [2_000_000]
