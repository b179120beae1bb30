"""A slot: a child of the zygote that runs handlers, one at a time, for one worker's socket.

It is used again only while it is as good as new; what it leaves behind is the zygote's to clear.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from typing import Final, Never

from services.worker.authoring.context import occupy_process, vacate_process
from services.worker.authoring.registry import JobType, find_type
from services.worker.slots import attempt, family
from services.worker.slots.interrupts import SIGNAL, Guard
from services.worker.slots.reporting import Reporter
from services.worker.slots.running import Running, started_now
from services.worker.slots.surroundings import Surroundings
from services.worker.slots.terms import Assignment, Raised
from services.worker.slots.wire import (
    Call,
    Checkpoint,
    Exceptional,
    FromSlot,
    Interrupt,
    Progress,
    Refusal,
    Result,
    Run,
    ToSlot,
    encode,
    reader_in_slot,
)

_CHUNK: Final = 256 * 2**10


class Child:
    """One slot process."""

    def __init__(self, worker: socket.socket, *, patience: float) -> None:
        """Serve `worker`; refuse what was claimed longer than `patience` seconds ago."""
        self._worker = worker
        self._patience = patience
        self._reader = reader_in_slot()
        self._arrived: deque[ToSlot] = deque()
        self._sending = threading.Lock()
        self._reporter = Reporter(self._send)
        self._surroundings = Surroundings()
        self._turn = 0
        self._served = 0

    def serve(self) -> Never:
        """Run one attempt after another until the worker hangs up or the process is used up."""
        os.register_at_fork(after_in_child=self._leave_to_parent)
        while True:
            frame = self._next_frame()
            if isinstance(frame, Run):
                self._turn = frame.turn
                if not self._take_turn(frame.assignment):
                    _leave()

    def _take_turn(self, assignment: Assignment) -> bool:
        if time.monotonic() - assignment.sent_at > self._patience:
            self._send(Refusal(reusable=True))
            return True
        guard = Guard(self._fetch_reasons)
        _reset_signals(guard)
        self._reporter.begin()
        occupy_process(
            Running(
                assignment,
                guard=guard,
                put=self._reporter.put,
                send=self._send,
                now=started_now(),
            )
        )
        end = attempt.run(assignment, guard)
        vacate_process()
        self._reporter.finish()
        self._served += 1
        _flush()
        reusable = not guard.raised and self._is_like_new(find_type(assignment.type))
        if isinstance(end, Raised):
            self._send(Exceptional(end, reusable))
        else:
            self._send(Result(end.result, reusable, end.heeded))
        return reusable

    def _is_like_new(self, declared: JobType | None) -> bool:
        if declared is None:
            return True
        return (
            self._served < declared.max_jobs_per_child
            and not _has_children()
            and _threads() == 1 + self._reporter.threads
            and self._surroundings.are_unchanged
            and (declared.max_rss is None or family.resident_bytes(os.getpid()) <= declared.max_rss)
        )

    def _send(self, frame: FromSlot | Progress | Checkpoint | Call) -> None:
        data = encode(frame)
        try:
            with self._sending:
                self._worker.sendall(data)
        except OSError:
            _leave()  # the worker has hung up: there is nobody to run this for

    def _next_frame(self) -> ToSlot:
        while not self._arrived:
            try:
                data = self._worker.recv(_CHUNK)
            except OSError:
                data = b""  # a worker that was killed had not read all: reset, not closed
            if not data:
                _leave()
            self._arrived.extend(self._reader.feed(data))
        return self._arrived.popleft()

    def _fetch_reasons(self) -> list[str]:
        try:
            data = self._worker.recv(_CHUNK, socket.MSG_DONTWAIT)
        except OSError:
            data = b""  # nothing there, or nobody: the next frame tells
        self._arrived.extend(self._reader.feed(data))
        told = [
            frame.reason
            for frame in self._arrived
            if isinstance(frame, Interrupt) and frame.turn == self._turn
        ]
        self._arrived.clear()  # nothing else: a worker sends no Run before the turn has ended
        return told

    def _leave_to_parent(self) -> None:
        # A process that a handler forks is no slot: it neither speaks nor hears.
        vacate_process()
        signal.signal(SIGNAL, signal.SIG_IGN)
        self._worker.close()


def _reset_signals(guard: Guard) -> None:
    # What the last handler may have changed.
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(SIGNAL, guard.on_signal)


def _has_children() -> bool:
    # A slot is a subreaper: whoever the handler started, at whatever remove, ends up as its child.
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    return True


def _threads() -> int:
    return os.stat("/proc/self/task").st_nlink - 2  # noqa: PTH116 - on the way of every job


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # closed by the handler, or nobody reads the log any more


def _leave() -> Never:
    _flush()
    os._exit(0)
