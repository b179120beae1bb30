"""Job types for the worker's tests: each misbehaves in one way."""

import os
import signal
import time

from services.worker import Cancelled, Fail, current, job, track

POLL = 0.02


@job("w.echo", min_backoff="0.1s")
def echo(text: str = "") -> str:
    """Return what it gets."""
    return text


@job("w.flaky", retries=4, min_backoff="0.1s", max_backoff="0.3s")
def flaky(fail_times: int) -> int:
    """Fail so many times, then tell the attempt it succeeded in."""
    if current().attempt <= fail_times:
        raise RuntimeError("private words")
    return current().attempt


@job("w.refuse")
def refuse() -> None:
    """Fail for good."""
    raise Fail("card declined", code="declined")


@job("w.crash", retries=4, min_backoff="0.1s", max_backoff="0.2s")
def crash() -> None:
    """Die."""
    os.kill(os.getpid(), signal.SIGKILL)


@job("w.sleep", min_backoff="0.1s", max_backoff="0.2s")
def sleep(seconds: float) -> int:
    """Take its time, and say how far it is."""
    for _ in track(range(round(seconds / POLL)), "sleeping"):
        time.sleep(POLL)
    return current().attempt


@job("w.deaf")
def deaf(seconds: float) -> None:
    """Obey nobody."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(POLL)
        except Cancelled:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


@job("w.endless", retries=0, time_limit="1s")
def endless() -> None:
    """Never stop."""
    while True:
        pass


@job("w.late", retries=4, min_backoff="0.1s", max_backoff="0.3s")
def late(seconds: float) -> int:
    """Take its time and fail, but only once."""
    time.sleep(seconds)
    if current().attempt == 1:
        raise RuntimeError("late")
    return current().attempt


@job("w.resuming")
def resuming(seconds: float) -> str:
    """Take its time in the first attempt, and go on from there in the next."""
    if current().resume is not None:
        return f"resumed at {current().resume['row']}"
    current().checkpoint({"row": 7})
    time.sleep(seconds)
    return "not resumed"
