"""What the jobs of both sides do: the same bodies, whoever runs them, and the marks they leave.

A mark is a file in one folder, so it survives every kind of death and needs no store.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MARKS_VARIABLE = "WAYMARK_MISDEEDS"  # so that it reaches our worker as a setting would
POLL_SECONDS = 0.02
GATE_SECONDS = 90.0  # longer than any scenario; then a forgotten job ends
BLOCKED_SECONDS = 30.0


class Marks:
    """Which runs of which job have begun and are over; runs count from 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, name: str) -> int:
        """Take the next number among the runs of a job; safe between processes."""
        number = 1
        while True:
            try:
                self._file(name, number, "began").touch(exist_ok=False)
            except FileExistsError:
                number += 1
            else:
                return number

    def end(self, name: str, number: int) -> None:
        self._file(name, number, "over").touch()

    def began(self, name: str) -> int:
        """Count the runs that have begun."""
        return len(list(self.folder.glob(f"{name}.*.began")))

    def over(self, name: str, number: int = 1) -> bool:
        """Tell whether that run returned or raised; one that was killed never does."""
        return self._file(name, number, "over").exists()

    def open_gate(self, name: str, number: int = 1) -> None:
        self._file(name, number, "open").touch()

    def pass_gate(self, name: str, number: int) -> None:
        deadline = time.monotonic() + GATE_SECONDS
        while not self._file(name, number, "open").exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _file(self, name: str, number: int, what: str) -> Path:
        return self.folder / f"{name}.{number}.{what}"


@contextmanager
def _run(name: str) -> Iterator[tuple[Marks, int]]:
    marks = Marks(Path(os.environ[MARKS_VARIABLE]))
    number = marks.begin(name)
    try:
        yield marks, number
    finally:
        marks.end(name, number)


def pass_by(name: str) -> None:
    """Be a job with which nothing is wrong."""
    with _run(name):
        pass


def wait(name: str) -> int:
    """Run until the test opens the gate of this run."""
    with _run(name) as (marks, number):
        marks.pass_gate(name, number)
        return number


def fail(name: str) -> None:
    """Fail in every run, each with words of its own."""
    with _run(name) as (_, number):
        raise RuntimeError(f"run {number} failed")


def fail_once(name: str) -> None:
    """Fail in the first run, when its gate opens."""
    with _run(name) as (marks, number):
        if number == 1:
            marks.pass_gate(name, number)
            raise RuntimeError(f"run {number} failed")


def sleep(name: str) -> None:
    """Block in a system call that no exception reaches."""
    with _run(name):
        time.sleep(BLOCKED_SECONDS)


def receive(name: str) -> None:
    """Wait for a peer that says nothing."""
    here, there = socket.socketpair()
    with _run(name), here, there:
        here.settimeout(BLOCKED_SECONDS)
        here.recv(1)


def die(name: str) -> None:
    """Take this process down, as a segfault or the kernel's memory killer does."""
    with _run(name):
        os.kill(os.getpid(), signal.SIGKILL)


def postpone(name: str, retry: Callable[[], Exception]) -> None:
    """Ask in the first run for another one later, in the words of whoever runs it."""
    with _run(name) as (_, number):
        if number == 1:
            raise retry()
