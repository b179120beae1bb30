"""The window: never more in flight than it has places, everybody in turn, no place lost."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.publisher_pika.window import Window

TURNS = 3  # of the loop: enough for a woken task to run


async def turns() -> None:
    """Let whoever can go on do so."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_a_batch_gets_what_is_free_and_the_rest_later() -> None:
    window = Window(3)

    assert await window.take(2) == 2
    assert await window.take(5) == 1

    waiting = asyncio.create_task(window.take(5))
    await turns()
    assert not waiting.done()
    window.give(2)
    assert await waiting == 2


async def test_nobody_overtakes_who_waits() -> None:
    window = Window(1)
    await window.take(1)
    first = asyncio.create_task(window.take(1))
    await turns()
    second = asyncio.create_task(window.take(1))
    await turns()
    window.give(1)
    late = asyncio.create_task(window.take(1))
    await turns()

    assert (first.done(), second.done(), late.done()) == (True, False, False)
    window.give(1)
    await turns()
    assert (second.done(), late.done()) == (True, False)
    late.cancel()


async def test_who_gave_up_waits_no_longer() -> None:
    window = Window(1)
    await window.take(1)
    tasks = [asyncio.create_task(window.take(1)) for _ in range(3)]
    await turns()
    for task in tasks[:2]:
        task.cancel()
    await turns()

    assert window.waiting == 1, "a frozen broker gives no place back: those would pile up"
    window.give(1)
    assert await tasks[2] == 1
    assert window.waiting == 0


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=20))
def test_places_of_those_who_gave_up_are_not_lost(askers: list[tuple[int, bool]]) -> None:
    asyncio.run(_all_places_come_back(askers))


async def _all_places_come_back(askers: list[tuple[int, bool]]) -> None:
    window = Window(4)
    held = await window.take(4)
    tasks = [asyncio.create_task(window.take(wanted)) for wanted, _ in askers]
    await turns()
    window.give(held)  # some have their places now, and do not know it yet
    for task, (_, gives_up) in zip(tasks, askers, strict=True):
        if gives_up:
            task.cancel()
    for task in tasks:
        if not task.cancelled():
            try:
                window.give(await asyncio.wait_for(task, 1))
            except asyncio.CancelledError:
                continue

    assert await window.take(4) == 4
