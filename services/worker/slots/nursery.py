"""The zygote's loop: forks slots, watches, freezes and kills them. It never waits."""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Never

from services.worker.slots import family
from services.worker.slots.interrupts import SIGNAL
from services.worker.slots.leases import LeaseTable
from services.worker.slots.linux import adopt_orphans, die_with_parent
from services.worker.slots.slot import Child
from services.worker.slots.wire import (
    Ended,
    Fork,
    FromZygote,
    Nudge,
    Ready,
    Terminate,
    ToZygote,
    encode,
    reader_in_zygote,
)

TICK_SECONDS: Final = 0.1  # how late a freeze may be; the margin of 3 s covers it
IDLE_SECONDS: Final = 0.5  # between two beats while there is nobody to watch
_STUBBORN_SECONDS: Final = 2.0  # a descendant that outlives SIGKILL this long is not waited for
_CHUNK: Final = 64 * 2**10
_MOST_DESCRIPTORS: Final = 64  # in one read
_KIB: Final = 1_024
_OUT_OF_MEMORY_SCORE: Final = "500"  # -1000 … 1000, 0 for everybody else


@dataclass(slots=True)
class _Slot:
    index: int
    pid: int
    frozen: bool = False
    overgrown: bool = False


class Nursery:
    """The watching loop."""

    def __init__(self, control: socket.socket, leases: LeaseTable, patience_seconds: float) -> None:
        """Obey whoever is at the other end of `control`."""
        self._control = control
        self._leases = leases
        self._patience = patience_seconds
        self._reader = reader_in_zygote()
        self._outbox = bytearray()  # bounded: a catalogue, and one Ended for each cell
        self._passed: list[int] = []
        self._slots: dict[int, _Slot] = {}
        self._by_pid: dict[int, _Slot] = {}
        self._endings: list[tuple[Ended, float]] = []
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._waker = socket.socketpair()

    def run(self, greeting: Ready) -> None:
        """Serve until the worker hangs up; then kill whatever runs."""
        self._listen()
        self._send(greeting)
        try:
            while self._turn():
                pass
        finally:
            self._kill_everything()

    def _listen(self) -> None:
        for end in (self._control, self._wakeup, self._waker):
            end.setblocking(False)  # noqa: FBT003 - its only parameter
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wakeup, selectors.EVENT_READ)

    def _turn(self) -> bool:
        interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outbox else 0)
        self._selector.modify(self._control, interest)
        alive = True
        watching = self._slots or self._endings
        for key, ready in self._selector.select(TICK_SECONDS if watching else IDLE_SECONDS):
            if key.fileobj is self._wakeup:
                _drain(self._wakeup)
            elif ready & selectors.EVENT_READ:
                alive = self._obey()
        self._reap()
        self._announce_endings()
        self._freeze_and_thaw()
        self._kill_overgrown()
        self._leases.beat(time.monotonic())
        self._flush()
        return alive

    def _obey(self) -> bool:
        for command in self._commands():
            if command is None:
                return False
            slot = self._slots.get(command.slot)
            if isinstance(command, Fork):
                self._fork(command.slot, self._passed.pop(0))
            elif slot is None:
                continue  # it has ended meanwhile
            elif isinstance(command, Nudge):
                family.send(slot.pid, SIGNAL)
            elif isinstance(command, Terminate):
                family.send(slot.pid, signal.SIGTERM)
            else:
                family.kill(slot.pid)
        return True

    def _commands(self) -> Iterator[ToZygote | None]:
        try:
            data, descriptors, _flags, _address = socket.recv_fds(
                self._control, _CHUNK, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        self._passed += descriptors
        if data:
            yield from self._reader.feed(data)
        else:
            yield None

    def _fork(self, index: int, descriptor: int) -> None:
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(descriptor)
            self._send(Ended(slot=index, signal=None, exit_code=None, peak_rss=0, refused=True))
            return
        if pid == 0:
            self._become_slot(descriptor, zygote)
        os.close(descriptor)
        slot = _Slot(index, pid)
        self._slots[index] = self._by_pid[pid] = slot

    def _become_slot(self, descriptor: int, zygote: int) -> Never:
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() != zygote:
                os._exit(0)  # the zygote ended before it could be watched
            signal.set_wakeup_fd(-1)
            os.setsid()
            adopt_orphans()
            _volunteer()
            self._let_go()
            Child(socket.socket(fileno=descriptor), patience=self._patience).serve()
        except BaseException:  # noqa: BLE001 - the outermost frame of this process
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(os.EX_SOFTWARE)

    def _let_go(self) -> None:
        self._selector.close()
        for end in (self._control, self._wakeup, self._waker):
            end.close()
        for descriptor in self._passed:
            os.close(descriptor)
        self._leases.close()

    def _reap(self) -> None:
        """Collect who has ended: slots and their orphans."""
        while (found := _next_dead()) is not None:
            pid, status, peak = found
            slot = self._by_pid.pop(pid, None)
            if slot is None:
                continue  # an orphan
            del self._slots[slot.index]
            code = os.waitstatus_to_exitcode(status)
            ending = Ended(
                slot=slot.index,
                signal=-code if code < 0 else None,
                exit_code=code if code >= 0 else None,
                peak_rss=peak,
                overgrown=slot.overgrown,
            )
            self._endings.append((ending, time.monotonic() + _STUBBORN_SECONDS))

    def _kill_orphans(self) -> bool:
        """Kill what slots that have ended left behind; return whether there was any."""
        orphans = [
            pid
            for pid in family.children_by_parent().get(os.getpid(), ())
            if pid not in self._by_pid
        ]
        for pid in orphans:
            family.kill(pid)
        return bool(orphans)

    def _announce_endings(self) -> None:
        if not self._endings:
            return
        late = time.monotonic() > self._endings[0][1]
        alone = not self._slots and not _has_children()
        if alone or not self._kill_orphans() or late:
            for ending, _deadline in self._endings:
                self._send(ending)
            self._endings.clear()

    def _freeze_and_thaw(self) -> None:
        now = time.monotonic()
        for slot in self._slots.values():
            stale = self._leases.is_stale(slot.index, now, self._patience)
            if stale == slot.frozen:
                continue
            slot.frozen = stale
            if stale:
                family.stop(slot.pid)
            else:
                family.resume(slot.pid)

    def _kill_overgrown(self) -> None:
        """Kill each slot that has more memory than its attempt may have, and no other."""
        for slot in self._slots.values():
            most = self._leases.bound(slot.index)
            if most is not None and not slot.overgrown and family.resident_bytes(slot.pid) > most:
                slot.overgrown = True
                family.kill(slot.pid)

    def _send(self, frame: FromZygote) -> None:
        self._outbox += encode(frame)

    def _flush(self) -> None:
        if not self._outbox:
            return
        try:
            sent = self._control.send(self._outbox)
        except BlockingIOError:
            return
        except OSError:
            self._outbox.clear()  # nobody reads any more; the next read says so
            return
        del self._outbox[:sent]

    def _kill_everything(self) -> None:
        self._selector.unregister(self._control)
        give_up = time.monotonic() + _STUBBORN_SECONDS
        while _has_children() and time.monotonic() < give_up:
            for pid in family.children_by_parent().get(os.getpid(), ()):
                family.kill(pid)
            self._selector.select(TICK_SECONDS / 10)
            _drain(self._wakeup)
            while _next_dead():
                pass


def _next_dead() -> tuple[int, int, int] | None:
    try:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status, usage.ru_maxrss * _KIB) if pid else None


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _volunteer() -> None:
    # When memory runs out, a slot shall go before the zygote, the worker or the database.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OUT_OF_MEMORY_SCORE)


def _drain(end: socket.socket) -> None:
    try:
        while end.recv(_CHUNK):
            pass
    except BlockingIOError:
        return
