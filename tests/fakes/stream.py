"""A job's true history, and a client that follows it and notes everything that is not right."""

import json
from dataclasses import dataclass, field
from typing import Any

from services.notifier.wire import text_frame
from shared.contracts.answers import Position, Step
from shared.contracts.lifecycle import State
from shared.stream.merge import Event
from shared.stream.place import Place

JOB = "0190c1f0-0000-7000-8000-000000000001"
_LIFE = (State.QUEUED, State.RUNNING, State.RETRYING)


def unframed(wire: bytes) -> dict[str, Any]:
    """Read one server text frame."""
    assert wire[0] == 0x81
    size, start = wire[1], 2
    if size == 126:
        size, start = int.from_bytes(wire[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(wire[2:10], "big"), 10
    assert len(wire) == start + size
    message: dict[str, Any] = json.loads(wire[start:])
    return message


class Truth:
    """What the store knows of one job; every change returns the event it publishes."""

    def __init__(self) -> None:
        self.epoch = "e1"
        self.revision = 0
        self.steps: list[Step] = []
        self.progress: str | None = None
        self._epochs = 1

    def transition(self) -> Event:
        step = len(self.steps) + 1
        self.revision += 1
        frame = json.dumps(
            {
                "type": "transition",
                "job": JOB,
                "epoch": self.epoch,
                "seq": self.revision,
                "revision": self.revision,
                "step": step,
                "state": _LIFE[(step - 1) % 3],
                "at": f"at-{step}",
                "attempt": step // 3,
            }
        )
        self.steps.append(Step(step=step, state=_LIFE[(step - 1) % 3], at=step, frame=frame))
        return Event(self.epoch, self.revision, step, True, text_frame(frame.encode()))

    def report(self) -> Event:
        self.revision += 1
        self.progress = f'{{"current":{self.revision}}}'
        frame = (
            f'{{"type":"progress","job":"{JOB}","epoch":"{self.epoch}","seq":{self.revision},'
            f'"revision":{self.revision},"step":{len(self.steps)},"progress":{self.progress}}}'
        )
        return Event(self.epoch, self.revision, len(self.steps), False, text_frame(frame.encode()))

    def fail_over(self, forgotten: int) -> None:
        """Continue on a replica that had not heard of the last steps: a new epoch."""
        self._epochs += 1
        self.epoch = f"e{self._epochs}"
        del self.steps[max(1, len(self.steps) - forgotten) :]
        self.revision = max(len(self.steps), self.revision - forgotten)

    def position(self, after_step: int) -> Position:
        return Position(
            epoch=self.epoch,
            seq=self.revision,
            revision=self.revision,
            step=len(self.steps),
            state=self.steps[-1].state,
            attempt=len(self.steps) // 3,
            progress=self.progress,
            result=None,
            error=None,
            steps=tuple(self.steps[after_step:]),
        )

    def place(self, after_step: int = 0) -> Place:
        return Place(JOB, self.position(after_step), text_frame)


@dataclass
class Client:
    """Applies frames by the rule of DESIGN section 6 and keeps every breach of it."""

    epoch: str = ""
    revision: int = 0
    history: list[tuple[int, str]] = field(default_factory=list)
    live: bool = False
    snapshots: int = 0
    breaches: list[str] = field(default_factory=list)

    @property
    def step(self) -> int:
        return len(self.history)

    @property
    def cursor(self) -> dict[str, object]:
        if not self.epoch:
            return {}
        return {"epoch": self.epoch, "revision": self.revision, "step": self.step}

    def gets(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "snapshot":
            self._snapshot(message)
        elif kind in {"transition", "progress"}:
            self._event(message)
        elif kind == "live":
            self.live = True
        else:
            assert kind in {"welcome", "ping", "ok", "drain", "auth_expiring"}, message

    def _snapshot(self, message: dict[str, Any]) -> None:
        if message["epoch"] == self.epoch:
            self.breaches.append("a snapshot although it could resume")
        self.snapshots += 1
        self.epoch, self.revision = message["epoch"], message["revision"]
        self.history = [(past["step"], past["state"]) for past in message["history"]]
        if [step for step, _ in self.history] != list(range(1, message["step"] + 1)):
            self.breaches.append("a snapshot with holes")

    def _event(self, message: dict[str, Any]) -> None:
        where = f"{message['type']} {message['epoch']}-{message['revision']}-{message['step']}"
        if message["epoch"] != self.epoch:
            self.breaches.append(f"{where}: of another epoch than {self.epoch}")
            return
        if message["revision"] <= self.revision:
            self.breaches.append(f"{where}: again, after revision {self.revision}")
            return
        moves = message["type"] == "transition"
        if message["step"] != self.step + moves:
            self.breaches.append(f"{where}: after step {self.step}")
            return
        self.revision = message["revision"]
        if moves:
            self.history.append((message["step"], message["state"]))
