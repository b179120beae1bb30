"""Chooses for each attempt where it runs: in a slot of its own, or in a thread of this process."""

from collections.abc import Collection, Sequence

from services.worker.slots.terms import Assignment, Slot, Slots
from shared.contracts.catalog import CatalogEntry


class SlotsAndThreads:
    """Keeps `terms.Slots` with two others: `slots`, and `threads` for the types it names."""

    def __init__(self, slots: Slots, threads: Slots) -> None:
        """Run in `threads` what is in its catalogue; all else in `slots`, which knows all types."""
        self._slots = slots
        self._threads = threads
        self._in_threads: Collection[str] = {entry.type for entry in threads.catalogue()}

    def catalogue(self) -> Sequence[CatalogEntry]:
        """Return what the loaded modules can run."""
        return self._slots.catalogue()

    @property
    def alive(self) -> bool:
        """Whether both are."""
        return self._slots.alive and self._threads.alive

    def start(self, assignment: Assignment) -> Slot:
        """Start an attempt in its place."""
        inside = assignment.type in self._in_threads
        return (self._threads if inside else self._slots).start(assignment)

    def renewed(self, job: str, sent_at: float) -> None:
        """Tell both: neither minds a job that it does not know."""
        self._slots.renewed(job, sent_at)
        self._threads.renewed(job, sent_at)

    def close(self) -> None:
        """End both."""
        self._threads.close()
        self._slots.close()
