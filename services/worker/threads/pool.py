"""The threads that run handlers: as many as there are attempts, kept for the next ones."""

import threading
import time
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Final

import structlog

from services.worker.slots.leases import patience
from services.worker.slots.terms import Assignment
from services.worker.threads.slot import ThreadSlot
from shared.contracts.catalog import CatalogEntry

MOST_LET_GO: Final = 32  # handlers that hang; with more of them only a new process helps
CLOSING_SECONDS: Final = 1.0  # for handlers that heed Shutdown, all together

log = structlog.get_logger()


class ThreadSlots:
    """Keeps `terms.Slots` for the types of isolation "thread"; their modules are imported here."""

    def __init__(self, entries: Sequence[CatalogEntry], *, lease: float) -> None:
        """Run what `entries` name; `lease` in seconds."""
        self._entries = entries
        self._patience = patience(lease)
        self._changing = threading.Lock()
        self._idle: list[_Runner] = []
        self._busy: dict[ThreadSlot, _Runner] = {}
        self._let_go: set[ThreadSlot] = set()
        self._closed = False
        self._made = 0

    def catalogue(self) -> Sequence[CatalogEntry]:
        """Return what they can run."""
        return self._entries

    @property
    def alive(self) -> bool:
        """Whether this process is fit for more: not with too many handlers that never end."""
        return len(self._let_go) <= MOST_LET_GO

    def start(self, assignment: Assignment) -> ThreadSlot:
        """Hand an attempt to an idle thread, or to a new one."""
        slot = ThreadSlot(assignment, patience=self._patience, let_go=self._forsake)
        with self._changing:
            runner = self._idle.pop() if self._idle else self._new_runner()
            self._busy[slot] = runner
        runner.inbox.put(slot)
        return slot

    def renewed(self, job: str, sent_at: float) -> None:
        """Do nothing: a thread cannot be frozen, so it needs no leave to run on."""

    def close(self) -> None:
        """Tell whatever still runs to stop, and wait for it a little; may be called again."""
        with self._changing:
            self._closed = True
            busy, idle = dict(self._busy), self._idle
            self._idle = []
        for slot in busy:
            slot.kill()
        for runner in [*idle, *busy.values()]:
            runner.inbox.put(None)
        deadline = time.monotonic() + CLOSING_SECONDS
        for runner in busy.values():
            runner.join(max(0.0, deadline - time.monotonic()))

    def ended(self, slot: ThreadSlot) -> None:
        """Take a runner back; called by itself."""
        with self._changing:
            runner = self._busy.pop(slot)
            if slot in self._let_go:
                self._let_go.remove(slot)
                log.info("let_go_handler_ended", job_id=slot.assignment.job)
            if not self._closed:
                self._idle.append(runner)

    def _forsake(self, slot: ThreadSlot) -> None:
        with self._changing:
            if slot not in self._busy:
                return  # it has just ended
            self._let_go.add(slot)
            count = len(self._let_go)
        asked = slot.assignment
        log.warning("handler_let_go", job_id=asked.job, type=asked.type, still_running=count)

    def _new_runner(self) -> "_Runner":
        runner = _Runner(self, self._made)
        self._made += 1
        runner.start()
        return runner


class _Runner(threading.Thread):
    """Carries out one attempt after the other; a daemon: a handler that hangs ends with us."""

    def __init__(self, pool: ThreadSlots, number: int) -> None:
        super().__init__(name=f"handler {number}", daemon=True)
        self.inbox: SimpleQueue[ThreadSlot | None] = SimpleQueue()
        self._pool = pool

    def run(self) -> None:
        while (slot := self.inbox.get()) is not None:
            end = slot.carry_out()
            self._pool.ended(slot)
            slot.end(end)
