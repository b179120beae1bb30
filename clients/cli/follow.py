"""One job as its stream tells it, and the rule that decides about every frame. Pure.

Progress is thinned out and a connection may break anywhere; with this rule a watcher still sees
every step exactly once and in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

FINAL_STATES: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})

Frame = Mapping[str, Any]


class Verdict(Enum):
    """What to do after a frame."""

    APPLIED = auto()
    DROPPED = auto()  # seen before
    RESUBSCRIBE = auto()  # dropped, and something is missing: subscribe the job again


@dataclass(slots=True)
class JobView:
    """What is known of a job. `history` holds its steps as `{step, state, at}`, oldest first."""

    job: str
    epoch: str | None = None
    revision: int = 0
    step: int = 0
    state: str = "unknown"
    attempt: int = 0
    progress: Mapping[str, Any] | None = None
    result: object = None
    error: Mapping[str, Any] | None = None
    history: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.state in FINAL_STATES

    def subscription(self) -> dict[str, object]:
        """Return what to subscribe: with a cursor, once there is a place to resume from."""
        if self.epoch is None:
            return {"job": self.job}
        return {
            "job": self.job,
            "epoch": self.epoch,
            "revision": self.revision,
            "step": self.step,
        }

    def forget_place(self) -> None:
        """Make the next subscription ask for a snapshot."""
        self.epoch = None

    def take(self, frame: Frame) -> Verdict:
        """Apply the client rule to a snapshot, transition or progress of this job."""
        if frame.get("type") == "snapshot":
            return self._replace(frame)
        if frame["epoch"] != self.epoch:
            self.forget_place()
            return Verdict.RESUBSCRIBE
        if frame["revision"] <= self.revision:
            return Verdict.DROPPED
        if frame["type"] == "transition":
            return self._advance(frame)
        if frame["step"] != self.step:
            return Verdict.RESUBSCRIBE
        self.revision = frame["revision"]
        self.progress = frame["progress"]
        return Verdict.APPLIED

    def _replace(self, frame: Frame) -> Verdict:
        self.epoch = frame["epoch"]
        self.revision = frame["revision"]
        self.step = frame["step"]
        self.state = frame["state"]
        self.attempt = frame["attempt"]
        self.progress = frame.get("progress")
        self.result = frame.get("result")
        self.error = frame.get("error")
        self.history = list(frame.get("history") or [])
        return Verdict.APPLIED

    def _advance(self, frame: Frame) -> Verdict:
        if frame["step"] != self.step + 1:
            return Verdict.RESUBSCRIBE
        self.revision = frame["revision"]
        self.step = frame["step"]
        self.state = frame["state"]
        self.attempt = frame["attempt"]
        self.result = frame.get("result")
        self.error = frame.get("error")
        if self.state == "running":
            self.progress = None  # a new attempt begins anew
        self.history.append({name: frame.get(name) for name in ("step", "state", "at")})
        return Verdict.APPLIED
