"""Job types that run in threads of the test's own process, and how to run them there."""

import asyncio
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Final, cast

import msgspec

from services.worker import Cancelled, Fail, Shutdown, SoftTimeLimit, current, job, track
from services.worker.authoring.registry import catalogue
from services.worker.slots.terms import Assignment, Died, Raised, Returned, Slot, SlotEvent
from services.worker.threads.pool import ThreadSlots

End = Returned | Raised | Died
REPORTS: Final = 200
BLOCK_SECONDS: Final = 0.4
HANG_SECONDS: Final = 10.0
left_behind: ContextVar[str] = ContextVar("left_behind", default="nothing")
begun = threading.Event()
cut_off = threading.Event()
free = threading.Event()
told_to_stop = threading.Event()


@job("inside.echo", isolation="thread")
def echo(text: str) -> str:
    """Return what it gets."""
    return text


@job("inside.whoami", isolation="thread")
def whoami(seconds: float) -> list[str]:
    """Tell who it is before and after a while, and which thread it runs in."""
    before = current().job_id
    time.sleep(seconds)
    return [before, current().job_id, str(threading.get_ident())]


@job("inside.leave", isolation="thread")
def leave(text: str) -> str:
    """Leave something behind, and tell what it has found."""
    found = left_behind.get()
    left_behind.set(text)
    return found


@job("inside.refuse", isolation="thread")
def refuse() -> None:
    """Fail for good."""
    raise Fail("card declined", code="declined")


@job("inside.spin", isolation="thread")
def spin() -> None:
    """Compute for ever."""
    while True:
        pass


@job("inside.track", isolation="thread")
def tracked(count: int) -> str:
    """Report a lot, and save what was done."""
    for number in track(range(count), "counting"):
        if number == count // 2:
            current().checkpoint({"row": number})
    return "done"


@job("inside.catch", isolation="thread")
def catch() -> int:
    """Report until interrupted, then go on reporting; tell how often it was raised."""
    number = raised = 0
    while number < REPORTS:
        try:
            begun.set()
            while number < REPORTS:
                number += 1
                current().progress(number)
        except SoftTimeLimit:
            raised += 1
    return raised


@job("inside.catch_async", isolation="thread")
async def catch_async() -> int:
    """Do the same on a loop."""
    number = raised = 0
    while number < REPORTS:
        try:
            begun.set()
            while number < REPORTS:
                number += 1
                await asyncio.sleep(0)
                current().progress(number)
        except SoftTimeLimit:
            raised += 1
        except GeneratorExit:
            cut_off.set()
            raise
    return raised


@job("inside.await", isolation="thread")
async def wait(seconds: float) -> str:
    """Wait on a loop."""
    try:
        await asyncio.sleep(seconds)
    except Cancelled:
        return f"cancelled {current().cancelled}"
    return "waited"


class Block:
    """Blocks the loop, outside of Python, each time it is waited for."""

    def __await__(self) -> Generator[None, None, None]:
        return cast(
            "Generator[None, None, None]", iter(partial(time.sleep, BLOCK_SECONDS), "never")
        )


@job("inside.block", isolation="thread")
async def block() -> str:
    """Block the loop, and tell what is raised."""
    try:
        await Block()
    except SoftTimeLimit:
        return "told"
    return "not told"


@job("inside.hang", isolation="thread")
def hang() -> str:
    """Hang in a call until it is freed, and say what is then raised."""
    try:
        free.wait(HANG_SECONDS)
        time.sleep(0)
    except Shutdown:
        told_to_stop.set()
        current().checkpoint("too late")
        raise
    return "freed"


@contextmanager
def thread_slots(lease: float = 15.0) -> Iterator[ThreadSlots]:
    """Threads that know the types above; ended afterwards."""
    cut_off.clear()
    free.clear()
    told_to_stop.clear()
    entries = [entry for entry in catalogue() if entry.type.startswith("inside.")]
    slots = ThreadSlots(entries, lease=lease)
    try:
        yield slots
    finally:
        free.set()
        slots.close()


def inside(
    kind: str, /, *, name: str = "job-1", sent_ago: float = 0.0, **payload: object
) -> Assignment:
    """One attempt at `inside.<kind>`."""
    return Assignment(
        job=name,
        type=f"inside.{kind}",
        attempt=1,
        max_attempts=6,
        payload=msgspec.json.encode(payload).decode(),
        resume=None,
        soft_time_limit=None,
        time_limit=None,
        sent_at=time.monotonic() - sent_ago,
    )


def story_of(slot: Slot, within: float = 10.0) -> list[SlotEvent]:
    """Everything until the end of an attempt, in order."""
    deadline = time.monotonic() + within
    events: list[SlotEvent] = []
    while not events or not isinstance(events[-1], End):
        event = slot.next_event(deadline - time.monotonic())
        assert event is not None, f"no end within {within} s, only {events}"
        events.append(event)
    return events


def last_of(slot: Slot, within: float = 10.0) -> SlotEvent:
    """How an attempt ended."""
    return story_of(slot, within)[-1]
