"""One attempt from the worker's side: when its end is told, and what the zygote is told for it."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from services.worker.slots.child import Child, RefusedSlot, RunningSlot
from services.worker.slots.terms import Died, Reported, Returned
from services.worker.slots.wire import (
    Ended,
    Interrupt,
    Kill,
    Nudge,
    Progress,
    Refusal,
    Result,
    ToZygote,
    encode,
    reader_in_slot,
)


@dataclass
class House:
    """Remembers what it is told."""

    told: list[ToZygote] = field(default_factory=list)
    finishes: list[bool] = field(default_factory=list)

    def tell(self, command: ToZygote) -> None:
        self.told.append(command)

    def finished(self, _slot: RunningSlot, _child: Child, *, reusable: bool) -> None:
        self.finishes.append(reusable)


class Scene:
    """A slot whose process is played by the test."""

    def __init__(self) -> None:
        ours, self.process = socket.socketpair()
        self.house = House()
        self.child = Child(5, ours, 1.0)
        self.slot = RunningSlot(self.house, self.child, self.child.next_turn(), "job")

    def says(self, *frames: Progress | Result | Refusal) -> None:
        self.process.sendall(b"".join(map(encode, frames)))

    def dies(self, number: int | None = None) -> None:
        self.process.close()
        self.child.end(Ended(slot=5, signal=number, exit_code=None, peak_rss=1))


@pytest.fixture
def scene() -> Iterator[Scene]:
    played = Scene()
    yield played
    played.process.close()
    played.child.close()


def test_the_result_of_a_reusable_process_is_told_at_once(scene: Scene) -> None:
    scene.says(Progress(1, "{}"), Result("7", reusable=True))

    assert scene.slot.next_event(1) == Reported(1, "{}")
    assert scene.slot.next_event(1) == Returned("7")
    assert scene.slot.next_event(0) is None
    assert scene.house.finishes == [True]
    assert scene.house.told == []


def test_a_used_up_process_is_killed_and_its_result_told_when_it_is_gone(scene: Scene) -> None:
    scene.says(Result("7", reusable=False))

    assert scene.slot.next_event(0.05) is None
    assert scene.house.told == [Kill(5)]
    scene.dies()
    assert scene.slot.next_event(1) == Returned("7")
    assert scene.house.finishes == [False]


def test_a_process_that_was_to_be_killed_is_not_used_again(scene: Scene) -> None:
    scene.says(Result("7", reusable=True))
    scene.slot.kill()

    assert scene.slot.next_event(0.05) is None
    scene.dies(9)
    assert scene.slot.next_event(1) == Returned("7")
    assert scene.house.finishes == [False]


def test_what_was_said_before_a_death_still_counts(scene: Scene) -> None:
    scene.says(Progress(1, "{}"))
    scene.dies(11)

    assert scene.slot.next_event(1) == Reported(1, "{}")
    assert scene.slot.next_event(1) == Died(signal=11, exit_code=None, peak_rss=1)


def test_half_a_frame_is_a_death_not_a_result(scene: Scene) -> None:
    scene.process.sendall(encode(Result("7", reusable=True))[:-3])
    scene.dies(9)

    assert scene.slot.next_event(1) == Died(signal=9, exit_code=None, peak_rss=1)


def test_a_process_that_writes_nonsense_is_killed(scene: Scene) -> None:
    scene.process.sendall(b"hello, world: no frame\n")

    assert scene.slot.next_event(0.05) is None
    assert scene.house.told == [Kill(5)]
    scene.dies(9)
    assert isinstance(scene.slot.next_event(1), Died)


def test_an_interruption_is_a_frame_and_a_nudge(scene: Scene) -> None:
    scene.slot.interrupt("cancelled")

    assert reader_in_slot().feed(scene.process.recv(1_000)) == [Interrupt(1, "cancelled")]
    assert scene.house.told == [Nudge(5)]


def test_nothing_is_sent_for_an_attempt_that_has_ended(scene: Scene) -> None:
    scene.says(Result("7", reusable=True))
    scene.slot.next_event(1)
    scene.slot.interrupt("cancelled")
    scene.slot.terminate()
    scene.slot.kill()

    assert scene.house.told == []


def test_a_refusal_of_the_process_is_a_death_that_charges_nobody(scene: Scene) -> None:
    scene.says(Refusal(reusable=True))

    assert scene.slot.next_event(1) == Died(signal=None, exit_code=None, peak_rss=0, refused=True)


def test_waiting_ends_in_time(scene: Scene) -> None:
    started = time.monotonic()

    assert scene.slot.next_event(0.1) is None
    assert 0.09 < time.monotonic() - started < 1.0


def test_a_refused_slot_says_so_once() -> None:
    slot = RefusedSlot()

    assert slot.next_event(0) == Died(signal=None, exit_code=None, peak_rss=0, refused=True)
    assert slot.next_event(0) is None
