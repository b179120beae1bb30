"""Job types for the worker's tests that run in its own process."""

import asyncio
import os
import time

from services.worker import Fail, SoftTimeLimit, current, job, track

POLL = 0.02


@job("th.echo", isolation="thread", min_backoff="0.1s")
def echo(text: str) -> list[object]:
    """Return what it gets, and where it ran."""
    return [text, os.getpid()]


@job("th.flaky", isolation="thread", retries=4, min_backoff="0.1s", max_backoff="0.3s")
def flaky(fail_times: int) -> int:
    """Fail so many times, then tell the attempt it succeeded in."""
    if current().attempt <= fail_times:
        raise RuntimeError("private words")
    return current().attempt


@job("th.refuse", isolation="thread")
def refuse() -> None:
    """Fail for good."""
    raise Fail("card declined", code="declined")


@job("th.fetch", isolation="thread")
async def fetch(seconds: float) -> str:
    """Wait on a loop, as for an answer of somebody else."""
    await asyncio.sleep(seconds)
    return current().job_id


@job("th.sleep", isolation="thread", min_backoff="0.1s", max_backoff="0.2s")
def sleep(seconds: float) -> int:
    """Take its time, and say how far it is."""
    for _ in track(range(round(seconds / POLL)), "sleeping"):
        time.sleep(POLL)
    return current().attempt


@job("th.endless", isolation="thread", retries=0, soft_time_limit="0.5s")
def endless() -> None:
    """Never stop."""
    while True:
        pass


@job("th.blocked", isolation="thread", soft_time_limit="0.3s")
def blocked(seconds: float) -> str:
    """Block in one call, and tell what came of it."""
    try:
        time.sleep(seconds)
        time.sleep(0)
    except SoftTimeLimit:
        return "soft limit"
    return "nothing"


@job("th.deaf", isolation="thread")
def deaf(seconds: float) -> str:
    """Block in one call."""
    time.sleep(seconds)
    return "done"


@job("th.resuming", isolation="thread", min_backoff="0.1s", max_backoff="0.2s")
def resuming() -> str:
    """Save and fail in the first attempt, and go on from there in the next."""
    if current().resume is not None:
        return f"resumed at {current().resume['row']}"
    current().checkpoint({"row": 7})
    raise RuntimeError("lost the thread")
