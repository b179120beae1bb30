"""How the slot tests start attempts and wait for their ends."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from services.worker.slots.client import ZygoteSlots
from services.worker.slots.terms import (
    Assignment,
    Died,
    Raised,
    Returned,
    Slot,
    SlotEvent,
)
from tests.eventually import eventually

JOBS = "tests.integration.slots_jobs"
End = Returned | Raised | Died


@contextmanager
def slots_with(lease: float = 15.0) -> Iterator[ZygoteSlots]:
    """Slots that know the odd jobs; ended afterwards."""
    slots = ZygoteSlots([JOBS], lease=lease)
    try:
        yield slots
    finally:
        slots.close()


def assignment(
    kind: str, /, *, sent_ago: float = 0.0, job: str = "job-1", **payload: object
) -> Assignment:
    """One attempt at `odd.<kind>`."""
    return Assignment(
        job=job,
        type=f"odd.{kind}",
        attempt=1,
        max_attempts=6,
        payload=msgspec.json.encode(payload).decode(),
        resume=None,
        soft_time_limit=None,
        time_limit=None,
        sent_at=time.monotonic() - sent_ago,
    )


def events_of(slot: Slot, within: float = 10.0) -> list[SlotEvent]:
    """Everything until the end of an attempt, in order."""
    deadline = time.monotonic() + within
    events: list[SlotEvent] = []
    while not events or not isinstance(events[-1], End):
        event = slot.next_event(deadline - time.monotonic())
        assert event is not None, f"no end within {within} s, only {events}"
        events.append(event)
    return events


def end_of(slot: Slot, within: float = 10.0) -> SlotEvent:
    """How an attempt ended."""
    return events_of(slot, within)[-1]


def run(slots: ZygoteSlots, kind: str, /, **payload: object) -> SlotEvent:
    """Run one attempt to its end."""
    return end_of(slots.start(_with_payload(assignment(kind), payload)))


def _with_payload(asked: Assignment, payload: dict[str, object]) -> Assignment:
    return dataclasses.replace(asked, payload=msgspec.json.encode(payload).decode())


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_in(folder: Path) -> list[int]:
    """The processes that left their ids in `folder`."""
    return [int(file.name) for file in folder.iterdir()]


def await_family(folder: Path) -> list[int]:
    """The two processes that odd.leave_family starts, once they run."""
    eventually(lambda: len(pids_in(folder)) == 2, within=20)
    return pids_in(folder)


def count_in(file: Path) -> int:
    """How far a ticking job has come."""
    try:
        return int(file.read_text() or 0)
    except FileNotFoundError:
        return 0
