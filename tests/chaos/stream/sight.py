"""What one client sees of one job, by the client rule of DESIGN section 6 and nothing else."""

from dataclasses import dataclass, field
from typing import Any

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})

Entry = list[Any]
"""What its user was shown, as `verdict.py` reads it: ["s", epoch, revision, [[step, state, at], …],
result], ["t", epoch, revision, step, state, at, result] or ["p", epoch, revision, step]."""


@dataclass
class Sight:
    """One job; `log` is what was shown, in order."""

    dedupes: bool = True  # False: a client that shows what it gets twice, for a negative control
    epoch: str = ""
    revision: int = 0
    step: int = 0
    state: str = ""
    log: list[Entry] = field(default_factory=list)

    @property
    def cursor(self) -> dict[str, object]:
        """What to resume from."""
        if not self.epoch:
            return {}
        return {"epoch": self.epoch, "revision": self.revision, "step": self.step}

    def take(self, frame: dict[str, Any]) -> bool:
        """Apply a snapshot, transition or progress; False: subscribe this job again."""
        is_old = frame["epoch"] == self.epoch and frame["revision"] <= self.revision
        if self.dedupes and is_old:
            return True  # a snapshot too: a second connection may have been told of more already
        if frame["type"] == "snapshot":
            self._replace(frame)
            return True
        if frame["epoch"] != self.epoch:
            return False
        moves = frame["type"] == "transition"
        if frame["step"] != self.step + moves:
            return False
        self.revision, self.step = frame["revision"], frame["step"]
        where: Entry = [self.epoch, self.revision, self.step]
        if moves:
            self.state = frame["state"]
            self.log.append(["t", *where, self.state, frame["at"], frame.get("result")])
        else:
            self.log.append(["p", *where])
        return True

    def _replace(self, frame: dict[str, Any]) -> None:
        self.epoch, self.revision, self.step = frame["epoch"], frame["revision"], frame["step"]
        self.state = frame["state"]
        history = [[past["step"], past["state"], past["at"]] for past in frame["history"]]
        self.log.append(["s", self.epoch, self.revision, history, frame["result"]])


@dataclass
class WireCheck:
    """What one connection was told of one job: the server itself may send nothing twice.

    Stricter than the rule, which forgives what a second connection or an own new subscription
    brings again; it is asked only where neither is the reason.
    """

    epoch: str = ""
    revision: int = 0
    step: int = 0
    cursor_sent: bool = False
    snapshots: int = 0
    believes: bool = True  # False: the client subscribed again in mid-stream; wait for `live`

    def take(self, frame: dict[str, Any]) -> str | None:
        """Return what is wrong with a frame from the server."""
        kind = frame["type"]
        if kind == "live":
            return self._live(frame)
        if kind == "snapshot":
            self.snapshots += 1
        elif self.believes and (fault := self._fault(frame)):
            return fault
        self.epoch, self.revision, self.step = frame["epoch"], frame["revision"], frame["step"]
        return None

    def _live(self, frame: dict[str, Any]) -> str | None:
        asked_anew, self.believes = not self.believes, True
        recovered = self.cursor_sent and not self.snapshots
        if frame["recovered"] != recovered and not asked_anew:
            return f"live says recovered: {frame['recovered']}, which is not so"
        return None

    def _fault(self, frame: dict[str, Any]) -> str | None:
        where = f"{frame['type']} {frame['epoch']}-{frame['revision']}-{frame['step']}"
        was = f"after {self.epoch}-{self.revision}-{self.step}"
        if frame["epoch"] != self.epoch:
            return f"the server sent {where} of another epoch {was}"
        if frame["revision"] <= self.revision:
            return f"the server sent {where} again {was}"
        if frame["step"] != self.step + (frame["type"] == "transition"):
            return f"the server left a hole: {where} {was}"
        return None
