"""Writes of one turn: in order, not too many at a stretch, and one's mistake is not the others'."""

import asyncio

from services.notifier import flushing
from services.notifier.flushing import Flusher


class One:
    def __init__(self, log: list[int], number: int, *, breaks: bool = False) -> None:
        self.log, self.number, self.breaks = log, number, breaks

    def flush(self) -> None:
        self.log.append(self.number)
        if self.breaks:
            raise OSError("a mistake")


async def test_nobody_is_written_to_within_the_turn() -> None:
    log: list[int] = []
    Flusher().add(One(log, 1))

    assert log == []
    await asyncio.sleep(0)
    assert log == [1]


async def test_many_are_written_to_in_several_turns_in_their_order() -> None:
    log: list[int] = []
    flusher = Flusher()
    count = flushing.MOST_WRITES * 2 + 1
    for number in range(count):
        flusher.add(One(log, number))

    sizes = []
    while len(log) < count:
        before = len(log)
        await asyncio.sleep(0)
        sizes.append(len(log) - before)

    assert log == list(range(count))
    assert max(sizes) <= flushing.MOST_WRITES


async def test_ones_mistake_keeps_nobody_from_being_written_to() -> None:
    log: list[int] = []
    flusher = Flusher()
    for number in range(4):
        flusher.add(One(log, number, breaks=number == 1))

    await asyncio.sleep(0)
    flusher.add(One(log, 4))
    await asyncio.sleep(0)

    assert log == [0, 1, 2, 3, 4]
