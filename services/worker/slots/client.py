"""The slots as the worker sees them: starts the zygote, hands attempts to its children.

No user code runs in this process, and nothing here waits without a deadline.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

import services
from services.worker.slots import family
from services.worker.slots.child import Child, RefusedSlot, RunningSlot
from services.worker.slots.leases import CELLS, LeaseTable, Vigil, patience
from services.worker.slots.loading import JobModulesError
from services.worker.slots.terms import Assignment, Slot
from services.worker.slots.wire import (
    Broken,
    Ended,
    Fork,
    FromZygote,
    Reader,
    Ready,
    Run,
    ToZygote,
    WireError,
    encode,
    reader_of_zygote,
)
from shared.contracts.catalog import CatalogEntry
from shared.contracts.errors import WaymarkError

LOADING_SECONDS: Final = 60.0  # the job modules may import much
SENDING_SECONDS: Final = 5.0  # a zygote that takes nothing for so long is stuck
CLOSING_SECONDS: Final = 5.0
LOOK_MS: Final = 1_000  # between two looks at a zygote that says nothing
_CHUNK: Final = 64 * 2**10
_MARK: Final = "WAYMARK_SLOTS_OF"

log = structlog.get_logger()


class SlotsUnavailable(WaymarkError):
    """The process that makes slots is gone: this worker can run nothing any more and must end."""

    code = "slots-unavailable"


class ZygoteSlots:
    """Keeps `terms.Slots`. Build it before any thread is started."""

    def __init__(self, modules: Sequence[str], *, lease: float, log_level: str = "INFO") -> None:
        """Start the zygote with our job modules and `modules`; `lease` in seconds.

        Raises:
            JobModulesError: one of the modules cannot be loaded; one line of text.
            SlotsUnavailable: the zygote did not get ready.
        """
        self._reader: Reader[FromZygote] = reader_of_zygote()
        self._sending = threading.Lock()
        self._changing = threading.Lock()
        self._patience = patience(lease)
        self._alive = True
        self._closing = False
        self._children: dict[int, Child] = {}
        self._idle: list[Child] = []
        self._running: dict[str, RunningSlot] = {}
        self._free = list(range(CELLS))
        if left := family.kill_abandoned(_MARK):
            log.warning("abandoned_processes_killed", count=left)
        self._mark = family.new_mark(_MARK)
        descriptor = LeaseTable.create()
        self._leases = LeaseTable(descriptor)
        self._control, theirs = socket.socketpair()
        self._process = self._spawn(modules, theirs, descriptor, lease, log_level)
        theirs.close()
        os.close(descriptor)
        self._control.settimeout(LOADING_SECONDS)
        self._catalogue = self._await_catalogue()
        self._control.settimeout(SENDING_SECONDS)
        self._listener = threading.Thread(target=self._listen, name="waymark-zygote", daemon=True)
        self._listener.start()

    def catalogue(self) -> Sequence[CatalogEntry]:
        """Return what the loaded modules can run."""
        return self._catalogue

    @property
    def alive(self) -> bool:
        """Whether there is a zygote. False before any Died that comes of its death is told."""
        return self._alive

    def start(self, assignment: Assignment) -> Slot:
        """Hand an attempt to an idle child, or to a new one.

        One whose claim is too old is refused here: the zygote would freeze its child before that
        could say so itself. The child looks once more, right before it starts.

        Raises:
            SlotsUnavailable: the zygote is gone.
        """
        if time.monotonic() - assignment.sent_at > self._patience:
            return RefusedSlot()
        while True:
            child, turn = self._take_child()
            slot = RunningSlot(self, child, turn, assignment.job)
            with self._changing:
                self._running[assignment.job] = slot
            self._leases.bind(child.index, assignment.max_rss)
            self._leases.grant(child.index, assignment.sent_at)
            if child.send(encode(Run(turn, assignment))):
                return slot
            slot.give_up()
            if turn == 1:
                return slot
            # It died while it had nothing to do: the next one may be better.
            slot.next_event(SENDING_SECONDS)

    def renewed(self, job: str, sent_at: float) -> None:
        """Let the job's slot run on: a renewal first sent at `sent_at` (monotonic) was answered."""
        with self._changing:
            slot = self._running.get(job)
            if slot is not None:
                self._leases.grant(slot.index, sent_at)

    def close(self) -> None:
        """Kill whatever still runs and end the zygote; may be called again."""
        self._end_zygote()
        self._listener.join(CLOSING_SECONDS)
        self._bury()
        with self._changing:
            unfinished = list(self._running.values())
        for slot in unfinished:
            slot.abandon()

    def _end_zygote(self) -> None:
        self._closing = True
        self._alive = False
        with contextlib.suppress(OSError):  # it has gone before
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(CLOSING_SECONDS)
        self._control.close()

    def tell(self, command: ToZygote, descriptor: int | None = None) -> None:
        """Send a command to the zygote.

        Raises:
            SlotsUnavailable: it is gone or stuck.
        """
        data = encode(command)
        try:
            with self._sending:
                if descriptor is None:
                    self._control.sendall(data)
                else:
                    socket.send_fds(self._control, [data], [descriptor])
        except OSError as fault:
            raise SlotsUnavailable from fault

    def finished(self, slot: RunningSlot, child: Child, *, reusable: bool) -> None:
        """Take back what a slot has used."""
        with self._changing:
            if self._running.get(slot.job) is slot:
                del self._running[slot.job]
            self._leases.release(child.index)
            if self._children.get(child.index) is not child:
                # Not before: until now a command for this attempt would have hit the next owner.
                self._free.append(child.index)
            elif reusable:
                self._idle.append(child)

    def _take_child(self) -> tuple[Child, int]:
        with self._changing:
            while self._alive and self._idle:
                child = self._idle.pop()
                if not child.over.is_set():
                    return child, child.next_turn()
            if not self._alive or not self._free:
                raise SlotsUnavailable
            index = self._free.pop()
            ours, theirs = socket.socketpair()
            child = self._children[index] = Child(index, ours, SENDING_SECONDS)
            self._leases.release(index)
        with theirs:
            self.tell(Fork(index), theirs.fileno())
        return child, child.next_turn()

    def _spawn(
        self,
        modules: Sequence[str],
        control: socket.socket,
        leases: int,
        lease: float,
        log_level: str,
    ) -> subprocess.Popen[bytes]:
        name, _, value = self._mark.partition("=")
        command = [
            *(sys.executable, "-m", "services.worker.slots.zygote"),
            *("--control", str(control.fileno()), "--leases", str(leases)),
            *("--lease", str(lease), "--log-level", log_level, "--"),
            *modules,
        ]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _search_path(), name: value},  # noqa: TID251 - handed on whole
            pass_fds=(control.fileno(), leases),
            start_new_session=True,
        )

    def _await_catalogue(self) -> list[CatalogEntry]:
        try:
            while data := self._control.recv(_CHUNK):
                for frame in self._reader.feed(data):
                    if isinstance(frame, Ready):
                        return frame.catalogue
                    if isinstance(frame, Broken):
                        self._end_zygote()
                        raise JobModulesError(frame.text)
        except (OSError, WireError) as fault:
            self._end_zygote()
            text = f"the process that makes slots did not get ready: {fault}"
            raise SlotsUnavailable(text) from fault
        self._end_zygote()
        text = f"the process that makes slots ended with status {self._process.returncode}"
        raise SlotsUnavailable(text)

    def _listen(self) -> None:
        try:
            while data := self._hear():
                for frame in self._reader.feed(data):
                    if isinstance(frame, Ended):
                        self._note_end(frame)
        except (OSError, WireError) as fault:
            log.warning("zygote_unheard", why=str(fault))
        if not self._closing:
            log.error("zygote_lost", status=self._process.poll())
        self._alive = False
        self._bury()

    def _hear(self) -> bytes:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        vigil = Vigil(self._leases)
        while not poll.poll(LOOK_MS):
            if vigil.finds_it_stuck():
                raise WireError("the zygote is stuck")
        return self._control.recv(_CHUNK)

    def _note_end(self, ended: Ended) -> None:
        with self._changing:
            child = self._children.pop(ended.slot, None)
            if child in self._idle:
                self._idle.remove(child)
                child.close()
                self._free.append(child.index)
        if child is not None:
            child.end(ended)

    def _bury(self) -> None:
        """After the zygote: the slots have died with it; what they had started has not."""
        family.kill_marked(self._mark.encode())
        with self._changing:
            children = list(self._children.values())
            self._children.clear()
            for idle in self._idle:
                idle.close()
            self._idle.clear()
        for child in children:
            child.end(Ended(slot=child.index, signal=None, exit_code=None, peak_rss=0))


def _search_path() -> str:
    """Return PYTHONPATH for the zygote: it must find the house wherever the worker was started."""
    house = str(Path(services.__file__ or ".").resolve().parent.parent)
    given = os.environ.get("PYTHONPATH", "")  # noqa: TID251 - handed on whole
    return os.pathsep.join(filter(None, (house, given)))
