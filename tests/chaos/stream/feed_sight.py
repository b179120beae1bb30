"""What one client sees of a tenant's feed; the counterpart of `sight.py`, for `seq` in place of
steps.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.stream.sight import Entry

FEED = "feed"


@dataclass
class FeedSight:
    """`log`: ["b", epoch, seq] where it began (anew), ["t", epoch, seq, job, step, state, at]."""

    epoch: str = ""
    seq: int = -1
    state: str = "succeeded"  # whether it has seen all is known to the judge alone
    log: list[Entry] = field(default_factory=list)

    @property
    def cursor(self) -> dict[str, object]:
        """What to resume from."""
        return {"epoch": self.epoch, "seq": self.seq} if self.epoch else {}

    def take(self, frame: dict[str, Any]) -> bool:
        """Apply a transition or progress; False: subscribe again."""
        moves = frame["type"] == "transition"
        if not self.epoch:  # what happens while it begins may be told before its `live`
            if not moves:
                return True
            self._begin(frame["epoch"], frame["seq"] - 1)
        if frame["epoch"] != self.epoch:
            return False
        is_old = frame["seq"] <= self.seq
        self.seq = max(self.seq, frame["seq"])
        if moves and not is_old:
            what = [frame["job"], frame["step"], frame["state"], frame["at"]]
            self.log.append(["t", self.epoch, self.seq, *what])
        return True

    def note(self, frame: dict[str, Any]) -> None:
        """Hear that it is live, or that it begins anew."""
        if frame["type"] == "reset":
            self.epoch, self.seq = "", -1
        elif not self.epoch:
            self._begin(frame["epoch"], frame["seq"])

    def _begin(self, epoch: str, seq: int) -> None:
        self.epoch, self.seq = epoch, seq
        self.log.append(["b", epoch, seq])


@dataclass
class FeedCheck:
    """What one connection was told of the feed: nothing twice, nothing of another epoch."""

    epoch: str = ""
    seq: int = -1
    resumed: bool = False
    believes: bool = True
    was_reset: bool = False

    def take(self, frame: dict[str, Any]) -> str | None:
        """Return what is wrong with a frame from the server."""
        if frame["type"] == "reset":
            self.was_reset, self.epoch, self.seq = True, "", -1
            return None
        if frame["type"] == "live":
            recovered = self.resumed and not self.was_reset
            fault = None if frame["recovered"] == recovered or not self.believes else "live lies"
            self.epoch, self.seq = frame["epoch"], max(self.seq, frame["seq"])
            self.resumed, self.was_reset, self.believes = True, False, True
            return fault
        where = f"{frame['type']} {frame['epoch']}-{frame['seq']}"
        if self.believes and self.epoch and frame["epoch"] != self.epoch:
            return f"the server sent {where} of another epoch than {self.epoch}"
        # A progress may come late: it was held back to thin its job out.
        if self.believes and frame["type"] == "transition" and frame["seq"] <= self.seq:
            return f"the server sent {where} again after {self.seq}"
        self.epoch, self.seq = frame["epoch"], max(self.seq, frame["seq"])
        return None
