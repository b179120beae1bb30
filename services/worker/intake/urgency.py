"""Lets the next message of a class arrive before one of a lower class is begun.

What a slot has just ended, the broker replaces a few milliseconds later: whoever takes what lies
there at once begins a lower one after each urgent one, however many urgent ones wait.
"""

import time
from collections.abc import Callable
from queue import PriorityQueue
from typing import Any, Final

from shared.runtime.pacing import pause_thread

ARRIVAL_SECONDS: Final = 0.05  # from an ack to the next delivery: 1-5 ms, more on a busy machine
LOOK_SECONDS: Final = 0.002


def let_equals_arrive(
    waiting: PriorityQueue[Any],
    ended: int,
    *,
    goes_on: Callable[[], bool],
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = pause_thread,
) -> None:
    """Return when something as urgent as `ended` waits, or nothing at all, or 50 ms later.

    The items of `waiting` have a `priority`, the lowest number being the most urgent.
    """
    give_up = monotonic() + ARRIVAL_SECONDS
    while only_lower_ones(waiting, ended) and goes_on() and monotonic() < give_up:
        pause(LOOK_SECONDS)


def only_lower_ones(waiting: PriorityQueue[Any], ended: int) -> bool:
    """Return whether something waits, but nothing as urgent as `ended`."""
    with waiting.mutex:
        return bool(waiting.queue) and waiting.queue[0].priority > ended
