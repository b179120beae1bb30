"""When a worker says of itself that it is stuck."""

import threading
from dataclasses import dataclass, field
from typing import Any, cast

from services.worker.house.probes import SILENT_SECONDS, live


@dataclass
class Thread:
    queue_name: str = "waymark.default"
    ticked_at: float = 1_000.0
    running: bool = True

    def is_alive(self) -> bool:
        return self.running


@dataclass
class Crew:
    intakers: list[Thread] = field(default_factory=lambda: [Thread()])
    workers: list[Thread] = field(default_factory=lambda: [Thread()])
    broken: threading.Event = field(default_factory=threading.Event)


@dataclass
class Slots:
    alive: bool = True


def complaints(crew: Crew, slots: Slots | None = None, *, now: float = 1_001.0) -> dict[str, str]:
    probes = live(cast("Any", crew), cast("Any", slots or Slots()), monotonic=lambda: now)
    said = {name: probe() for name, probe in probes.items()}
    return {name: words for name, words in said.items() if words is not None}


def test_a_worker_that_moves_has_nothing_to_say() -> None:
    assert complaints(Crew()) == {}


def test_a_consumer_that_stands_still_for_a_minute_is_named() -> None:
    crew = Crew(intakers=[Thread(), Thread("waymark.default.high", ticked_at=900.0)])
    now = 900.0 + SILENT_SECONDS + 0.1

    assert complaints(crew, now=now) == {"consumers": "not ticking: waymark.default.high"}


def test_a_consumer_that_has_ended_is_named() -> None:
    assert complaints(Crew(intakers=[Thread(running=False)])) == {
        "consumers": "not ticking: waymark.default"
    }


def test_slots_that_have_ended_are_counted() -> None:
    crew = Crew(workers=[Thread(), Thread(running=False)])

    assert complaints(crew) == {"slots": "1 ended"}


def test_slots_that_cannot_be_trusted_any_more_are_told() -> None:
    broken = Crew()
    broken.broken.set()

    assert complaints(broken) == complaints(Crew(), Slots(alive=False))
    assert complaints(broken) == {"zygote": "does not answer"}
