"""Slots whose attempts follow a script, and that say how they were treated."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.worker.slots.terms import Assignment, Died, SlotEvent
from shared.contracts.catalog import CatalogEntry, Limits
from tests.fakes.hands import HandClock

Step = SlotEvent | float | Callable[[], None]
"""An event, seconds that pass without one, or something that happens meanwhile."""

KILLED = Died(signal=9, exit_code=None, peak_rss=50 * 2**20)


def entry(name: str = "demo", **limits: Any) -> CatalogEntry:
    """Return a catalogue entry with the limits of a test."""
    facts: dict[str, Any] = {
        "soft_time_limit_seconds": None,
        "time_limit_seconds": None,
        "retries": 3,
        "min_backoff_seconds": 2.0,
        "max_backoff_seconds": 60.0,
        **limits,
    }
    return CatalogEntry(
        type=name,
        version=2,
        summary="",
        queue="default",
        isolation="slot",
        limits=Limits(**facts),
        payload_schema={},
        result_schema=None,
    )


class FakeSlot:
    """Plays `script`, then stays silent until somebody ends it.

    `answers` says what an "ask" (to see that it is cancelled), an "interrupt", "terminate" or
    "kill" makes it say.
    """

    def __init__(
        self, clock: HandClock, script: Sequence[Step], answers: Mapping[str, SlotEvent]
    ) -> None:
        self._clock = clock
        self._script = list(script)
        self._answers = {"kill": KILLED, **answers}
        self.treated: list[str] = []
        self.treated_at: dict[str, float] = {}

    def next_event(self, timeout: float) -> SlotEvent | None:
        if self._script:
            step = self._script.pop(0)
            if isinstance(step, float):
                self._clock.now += min(step, timeout)
                if step > timeout:
                    self._script.insert(0, step - timeout)
                return None
            if not callable(step):
                return step
            step()
            return None
        self._clock.now += timeout
        return None

    def interrupt(self, reason: str) -> None:
        how = "ask" if reason == "cancel_asked" else "interrupt"
        self._be_treated(how, f"interrupt {reason}")

    def terminate(self) -> None:
        self._be_treated("terminate", "terminate")

    def kill(self) -> None:
        self._be_treated("kill", "kill")

    def _be_treated(self, how: str, words: str) -> None:
        self.treated.append(words)
        self.treated_at[words] = self._clock.now
        if how in self._answers:
            self._script = [self._answers[how]]


class FakeSlots:
    """Every attempt gets the same script."""

    def __init__(
        self,
        clock: HandClock,
        *,
        script: Sequence[Step] = (),
        answers: Mapping[str, SlotEvent] | None = None,
        entries: Sequence[CatalogEntry] = (),
    ) -> None:
        self._clock = clock
        self._script = script
        self._answers = answers or {}
        self._entries = entries
        self.alive = True
        self.refusal: Exception | None = None
        self.assigned: list[Assignment] = []
        self.slots: list[FakeSlot] = []
        self.renewals: list[tuple[str, float]] = []

    def catalogue(self) -> Sequence[CatalogEntry]:
        return self._entries

    def start(self, assignment: Assignment) -> FakeSlot:
        if self.refusal is not None:
            raise self.refusal
        self.assigned.append(assignment)
        self.slots.append(FakeSlot(self._clock, self._script, self._answers))
        return self.slots[-1]

    def renewed(self, job: str, sent_at: float) -> None:
        self.renewals.append((job, sent_at))

    def close(self) -> None:
        self.alive = False
