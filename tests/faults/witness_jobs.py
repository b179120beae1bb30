"""Job types that write down when they really run: `WAYMARK_JOBS=tests.faults.witness_jobs`.

Each line of the witness file is written by one write(2) with O_APPEND, by the process that runs
the handler, with its own CLOCK_MONOTONIC: a process that is frozen or dead writes nothing.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid

from services.worker import Cancelled, Fail, SoftTimeLimit, current, job

FILE_VARIABLE = "WITNESS_FILE"
TICK_SECONDS = 0.05
MEGABYTE = 1024 * 1024


class OrderedError(Exception):
    """The failure that the payload asked for."""


class Pen:
    """Writes the lines of one run."""

    def __init__(self) -> None:
        self._file = os.open(os.environ[FILE_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._run = uuid.uuid4().hex[:12]

    def write(self, kind: str) -> None:
        attempt = current()
        line = {
            "kind": kind,
            "job": attempt.job_id,
            "attempt": attempt.attempt,
            "run": self._run,
            "key": attempt.idempotency_key,
            "pid": os.getpid(),
            "at": time.clock_gettime(time.CLOCK_MONOTONIC),
        }
        os.write(self._file, f"{json.dumps(line)}\n".encode())

    def tick(self, seconds: float, *, obedient: bool = True) -> None:
        """Stay alive for so long and say so; an obedient one is a cancellation point."""
        end = time.monotonic() + seconds
        while True:
            self.write("tick")
            if obedient and current().cancelled:
                return
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(TICK_SECONDS, left))

    def close(self) -> None:
        os.close(self._file)


@job("witness.act", retries=4, min_backoff="0.2s", max_backoff="1s")
def act(
    *,
    seconds: float = 0.1,
    fail_times: int = 0,
    crash_times: int = 0,
    refuse: bool = False,
    allocate_mb: int = 0,
    note: str = "",
) -> int:
    """Run for a while; the first attempts crash, the next ones fail."""
    pen = Pen()
    pen.write("start")
    ballast = bytearray(allocate_mb * MEGABYTE)
    pen.tick(seconds)
    attempt = current().attempt
    if attempt <= crash_times:
        os.kill(os.getpid(), signal.SIGKILL)
    if refuse:
        pen.write("over")
        raise Fail("refused, as ordered", code="refused")
    if attempt <= crash_times + fail_times:
        pen.write("over")
        raise OrderedError
    pen.write("end")
    pen.close()
    return len(ballast) + len(note)


@job("witness.deaf", retries=0)
def deaf(seconds: float) -> None:
    """Obey nobody: no exception, no SIGTERM."""
    pen = Pen()
    pen.write("start")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pen.tick(end - time.monotonic(), obedient=False)
        except Cancelled:
            continue
    pen.write("end")


@job("witness.stuck", retries=0, soft_time_limit="0.7s", time_limit="1s")
def stuck(how: str) -> None:
    """Outstay both limits in Python, in C, or with a family."""
    pen = Pen()
    pen.write("start")
    if how == "family":
        ticking = "import sys; from tests.faults.witness_jobs import haunt; haunt(*sys.argv[1:])"
        subprocess.Popen([sys.executable, "-c", ticking, current().job_id], start_new_session=True)
    while True:
        try:
            if how == "sleep":
                signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
                time.sleep(60)
            elif how == "long division":
                pow(3, 10**9)
            pen.tick(60, obedient=False)
        except SoftTimeLimit:
            pen.write("soft")


def haunt(job_id: str) -> None:
    """Be a grandchild in a session of its own that ticks for ever."""
    with open(os.environ[FILE_VARIABLE], "ab", buffering=0) as file:  # noqa: PTH123
        while True:
            line = {"kind": "ghost", "job": job_id, "attempt": 0, "run": "ghost"}
            at = time.clock_gettime(time.CLOCK_MONOTONIC)
            file.write(f"{json.dumps({**line, 'pid': os.getpid(), 'at': at})}\n".encode())
            time.sleep(TICK_SECONDS)
