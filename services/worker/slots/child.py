"""One child of the zygote, and one attempt in it, from the worker's side."""

import select
import socket
import threading
import time
from collections import deque
from typing import Final, Protocol

from services.worker.slots.terms import Died, Reported, Returned, Saved, SlotEvent
from services.worker.slots.wire import (
    Call,
    Checkpoint,
    Ended,
    Exceptional,
    FromSlot,
    Interrupt,
    Kill,
    Nudge,
    Progress,
    Refusal,
    Result,
    Terminate,
    ToZygote,
    WireError,
    encode,
    reader_of_slot,
)
from shared.contracts.errors import WaymarkError

_CHUNK: Final = 64 * 2**10
_MS: Final = 1_000


class House(Protocol):
    """What an attempt needs of the client."""

    def tell(self, command: ToZygote) -> None:
        """Send a command to the zygote."""

    def finished(self, slot: "RunningSlot", child: "Child", *, reusable: bool) -> None:
        """Take back what a slot has used."""


class Child:
    """A process that runs attempts, one after another, and the socket to it."""

    def __init__(self, index: int, connection: socket.socket, deadline: float) -> None:
        """Speak over `connection`, giving up a send after `deadline` seconds."""
        self.index = index
        self.over = threading.Event()
        self.ended: Ended | None = None
        self._connection = connection
        self._connection.settimeout(deadline)
        self._sending = threading.Lock()
        self._reader = reader_of_slot()
        self._arrived: deque[FromSlot] = deque()
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._turn = 0
        self._silent = False

    def next_turn(self) -> int:
        """Number the next attempt."""
        self._turn += 1
        return self._turn

    def send(self, data: bytes) -> bool:
        """Send; False when the child takes nothing any more."""
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError:
            return False
        return True

    def receive(self, deadline: float) -> FromSlot | None:
        """Return the next frame; None when none came before `deadline` or none will come."""
        while not self._arrived and not self._silent:
            left = deadline - time.monotonic()
            if not self._poll.poll(max(0.0, left * _MS)):
                return None
            try:
                data = self._connection.recv(_CHUNK)
                self._arrived.extend(self._reader.feed(data))
            except (OSError, WireError):
                data = b""  # the handler has got hold of our socket
            self._silent = not data
        return self._arrived.popleft() if self._arrived else None

    @property
    def has_hung_up(self) -> bool:
        """Whether nothing more will be heard of it."""
        return self._silent

    def end(self, ended: Ended) -> None:
        """Note that it and its descendants are gone."""
        self.ended = ended
        self.over.set()

    def close(self) -> None:
        """Close the socket: a child that waits for work ends."""
        self._connection.close()


class RunningSlot:
    """Keeps `terms.Slot`: one attempt. `next_event` is for one thread, the rest for any."""

    def __init__(self, house: House, child: Child, turn: int, job: str) -> None:
        """Follow turn number `turn` of `child`."""
        self.job = job
        self._house = house
        self._child = child
        self._turn = turn
        self._last: SlotEvent | None = None
        self._acting = threading.Lock()
        self._over = False
        self._doomed = False
        self._unheard = False

    @property
    def index(self) -> int:
        """The cell of its lease."""
        return self._child.index

    def next_event(self, timeout: float) -> SlotEvent | None:
        """Wait up to `timeout` seconds for what comes next; see `terms.Slot`."""
        if self._over:
            return None
        deadline = time.monotonic() + timeout
        while self._last is None:
            frame = self._child.receive(deadline)
            if frame is None:
                break
            if isinstance(frame, Progress):
                return Reported(frame.number, frame.progress)
            if isinstance(frame, Checkpoint):
                return Saved(frame.data)
            if isinstance(frame, Call):
                return frame.called
            self._last = _last_event(frame)
            if self._finish_in_place(reusable=frame.reusable):
                return self._last
        if self._child.has_hung_up and not (self._doomed or self._child.over.is_set()):
            self.kill()  # as a rule it is dead already; if not, it is of no use any more
        return self._await_end(deadline)

    def interrupt(self, reason: str) -> None:
        """Raise once in the handler, or let it see CANCEL_ASKED; see `terms.Slot`."""
        frame = encode(Interrupt(self._turn, reason))
        with self._acting:
            if not self._over and self._child.send(frame):
                self._command(Nudge(self._child.index))

    def terminate(self) -> None:
        """SIGTERM to the handler's process."""
        with self._acting:
            if not self._over:
                self._doomed = True
                self._command(Terminate(self._child.index))

    def kill(self) -> None:
        """SIGKILL the handler's process and every descendant."""
        with self._acting:
            if not self._over:
                self._doomed = True
                self._command(Kill(self._child.index))

    def give_up(self) -> None:
        """The child did not take the attempt: it never started."""
        self._unheard = True
        self.kill()

    def abandon(self) -> None:
        """Close the socket of an attempt whose end nobody may wait for."""
        self._child.close()

    def _command(self, command: ToZygote) -> None:
        try:
            self._house.tell(command)
        except WaymarkError:
            return  # the zygote is gone, and the slot with it

    def _await_end(self, deadline: float) -> SlotEvent | None:
        if not self._child.over.wait(max(0.0, deadline - time.monotonic())):
            return None
        # What was sent before the end counts.
        while self._last is None and (frame := self._child.receive(deadline)) is not None:
            if isinstance(frame, Progress):
                return Reported(frame.number, frame.progress)
            if isinstance(frame, Checkpoint):
                return Saved(frame.data)
            if isinstance(frame, Call):
                return frame.called
            self._last = _last_event(frame)
        with self._acting:
            self._over = True
        self._child.close()
        self._house.finished(self, self._child, reusable=False)
        return self._last or _death(self._child.ended, refused=self._unheard)

    def _finish_in_place(self, *, reusable: bool) -> bool:
        with self._acting:
            # A doomed one has ended by itself, but a signal is on its way to it.
            if self._doomed or not reusable:
                self._command(Kill(self._child.index))  # it may be frozen: then it cannot leave
                return False
            self._over = True
        self._house.finished(self, self._child, reusable=True)
        return True


class RefusedSlot:
    """Keeps `terms.Slot` for an attempt that was too old to be started at all."""

    def __init__(self) -> None:
        """Have one event to tell."""
        self._told = False

    def next_event(self, timeout: float) -> SlotEvent | None:  # noqa: ARG002 - there is no wait
        """Return the refusal, once."""
        if self._told:
            return None
        self._told = True
        return _refusal()

    def interrupt(self, reason: str) -> None:
        """Do nothing: nothing runs."""

    def terminate(self) -> None:
        """Do nothing."""

    def kill(self) -> None:
        """Do nothing."""


def _refusal() -> Died:
    return Died(signal=None, exit_code=None, peak_rss=0, refused=True)


def _last_event(frame: Result | Exceptional | Refusal) -> SlotEvent:
    if isinstance(frame, Result):
        return Returned(frame.result, frame.heeded)
    if isinstance(frame, Exceptional):
        return frame.raised
    return _refusal()


def _death(ended: Ended | None, *, refused: bool) -> Died:
    if ended is None:
        return Died(signal=None, exit_code=None, peak_rss=0, refused=refused)
    return Died(
        signal=ended.signal,
        exit_code=ended.exit_code,
        peak_rss=ended.peak_rss,
        refused=refused or ended.refused,
        overgrown=ended.overgrown,
    )
