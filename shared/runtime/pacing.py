"""The only place that sleeps, and how long between tries."""

import asyncio
import random
import time


def full_jitter(attempt: int, *, base: float, cap: float) -> float:
    """Return seconds to wait before try number `attempt` (from 1).

    Uniform in 0 … min(cap, base * 2**(attempt - 1)): AWS Architecture Blog, "Exponential Backoff
    And Jitter", 2015 ("full jitter").
    """
    return random.uniform(0, min(cap, base * 2 ** min(attempt - 1, 62)))  # noqa: S311 - no secret


async def pause(seconds: float) -> None:
    """Let `seconds` pass on an event loop."""
    await asyncio.sleep(seconds)


def pause_thread(seconds: float) -> None:
    """Let `seconds` pass in a thread."""
    time.sleep(seconds)
