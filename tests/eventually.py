"""Wait for a fact with a deadline. The only place in tests that sleeps."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Fact = TypeVar("Fact")

POLL_SECONDS = 0.02


def eventually(fact: Callable[[], Fact], within: float = 5.0) -> Fact:
    """Ask until the answer is truthy and return it.

    An AssertionError of `fact` means "not yet" until the deadline and is then raised; every
    other exception is raised at once.

    Args:
        fact: asked about 50 times a second.
        within: the deadline in seconds.

    Raises:
        AssertionError: the deadline passed; carries the last answer.
    """
    deadline = time.monotonic() + within
    while True:
        late = time.monotonic() >= deadline
        try:
            answer = fact()
        except AssertionError:
            if late:
                raise
        else:
            if answer:
                return answer
            _complain_if(late, answer, within)
        time.sleep(POLL_SECONDS)


async def eventually_async(fact: Callable[[], Awaitable[Fact]], within: float = 5.0) -> Fact:
    """Do the same for an async `fact`; one asking may not outlive the deadline either.

    Raises:
        AssertionError: the deadline passed; carries the last answer.
        TimeoutError: one asking took until the deadline.
    """
    deadline = time.monotonic() + within
    while True:
        late = time.monotonic() >= deadline
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), POLL_SECONDS)):
                answer = await fact()
        except AssertionError:
            if late:
                raise
        else:
            if answer:
                return answer
            _complain_if(late, answer, within)
        await asyncio.sleep(POLL_SECONDS)


def _complain_if(late: bool, answer: object, within: float) -> None:
    if late:
        message = f"not within {within:g} s; the last answer was {answer!r}"
        raise AssertionError(message)
