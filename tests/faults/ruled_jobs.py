"""Job types that each live by one rule of the house: `WAYMARK_JOBS=tests.faults.ruled_jobs`.

They write down what they do as the witness jobs do.
"""

import os
import signal
import subprocess
import sys
import time

from services.worker import Cancelled, Fail, Retry, SoftTimeLimit, current, job, track
from tests.faults.witness_jobs import TICK_SECONDS, OrderedError, Pen

MEGABYTE = 1024 * 1024


class OutOfReachError(Exception):
    """What a repeat may help."""


@job("ruled.act", retries=5, min_backoff="0.1s", max_backoff="0.4s")
def act(plan: list[str]) -> str:
    """Do in each attempt what the plan says for it; its last word holds for the rest."""
    return _do(plan)


@job("ruled.picky", retries=5, min_backoff="0.1s", max_backoff="0.2s", retry_on=[OutOfReachError])
def picky(plan: list[str]) -> str:
    """Do the same, but only one kind of error is retried."""
    return _do(plan)


@job("ruled.shy", retries=5, min_backoff="0.1s", max_backoff="0.2s", never_on=[OrderedError])
def shy(plan: list[str]) -> str:
    """Do the same, but one kind of error is not retried."""
    return _do(plan)


@job("ruled.growing", retries=6, min_backoff="0.8s", max_backoff="3.2s")
def growing() -> None:
    """Fail, again and again."""
    _start()
    raise OrderedError


@job("ruled.saving", retries=3, soft_time_limit="0.5s", time_limit="5s", min_backoff="0.1s")
def saving(steps: int) -> str:
    """Count, and save at the soft limit how far it came; the next attempt goes on from there."""
    _start()
    begun_at: int = (current().resume or {"step": 0})["step"]
    step = begun_at
    try:
        while step < steps:
            time.sleep(TICK_SECONDS)
            step += 1
    except SoftTimeLimit:
        current().checkpoint({"step": step})
        raise
    return f"from {begun_at} to {step}"


@job("ruled.fat", retries=5, min_backoff="0.1s", max_backoff="0.2s", max_rss="300MiB")
def fat(megabytes: int, seconds: float) -> int:
    """Need more memory in every attempt but the second."""
    _start()
    ballast = b"x" * (megabytes * MEGABYTE if current().attempt != 2 else 1)
    time.sleep(seconds)
    return len(ballast)


@job("ruled.short-lived", max_jobs_per_child=3)
def short_lived() -> int:
    """Tell which process ran it."""
    return os.getpid()


@job("ruled.tracked", retries=0)
def tracked(seconds: float) -> None:
    """Come by a cancellation point every few milliseconds."""
    pen = _start()
    try:
        for _ in track(range(round(seconds / TICK_SECONDS))):
            time.sleep(TICK_SECONDS)
    finally:
        pen.write("over")


@job("ruled.polling", retries=0)
def polling(seconds: float) -> str:
    """Ask whether it was cancelled, and return when it was."""
    _start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if current().cancelled:
            return "stopped half way"
        time.sleep(TICK_SECONDS)
    return "done"


@job("ruled.asleep", retries=0)
def asleep(seconds: float) -> None:
    """Come by no cancellation point at all."""
    _start()
    time.sleep(seconds)


@job("ruled.stubborn", retries=0)
def stubborn(seconds: float) -> None:
    """Heed no exception, but die of SIGTERM, with a grandchild in a session of its own."""
    _start()
    ticking = "import sys; from tests.faults.witness_jobs import haunt; haunt(*sys.argv[1:])"
    subprocess.Popen([sys.executable, "-c", ticking, current().job_id], start_new_session=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(end - time.monotonic())
        except Cancelled:
            continue


@job("ruled.deaf", retries=0)
def deaf(seconds: float) -> None:
    """Heed neither an exception nor SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stubborn(seconds)


@job("ruled.threaded", isolation="thread", retries=0, soft_time_limit="0.5s")
def threaded() -> None:
    """Outstay the soft limit in a thread of the worker."""
    while True:
        time.sleep(TICK_SECONDS)


def _start() -> Pen:
    pen = Pen()
    pen.write("start")
    return pen


def _do(plan: list[str]) -> str:
    pen = _start()
    word, _, number = plan[min(current().attempt, len(plan)) - 1].partition(" ")
    pen.write("over")
    if word == "error":
        raise OrderedError(f"private words of attempt {current().attempt}")
    if word == "away":
        raise OutOfReachError
    if word == "retry":
        raise Retry("not yet", after=float(number) if number else None)
    if word == "fail":
        raise Fail("card declined", code="declined")
    if word == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    return f"done in attempt {current().attempt}"
