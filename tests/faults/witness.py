"""Reads what the witness jobs have written: which runs there were, and when each was alive."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """One call of a handler. Times are CLOCK_MONOTONIC seconds.

    `ended`: it came to its end; `over`: it did, or raised what it was ordered to.
    """

    job: str
    attempt: int
    run: str
    pid: int
    started: float
    last: float
    ended: bool = False
    over: bool = False


class Witness:
    """The witness file of one house."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def lines(self) -> list[dict[str, Any]]:
        """Every whole line so far; any thread may ask."""
        with self._lock:
            if self.file.exists():
                self._read_on()
            return list(self._lines)

    def _read_on(self) -> None:
        with self.file.open("rb") as file:
            file.seek(self._read)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        self._lines += [json.loads(line) for line in whole.splitlines()]

    def runs(self, job: str | None = None) -> list[Run]:
        """Every run (of one job), in the order of their starts."""
        return runs_of(line for line in self.lines() if job in (None, line["job"]))

    def ghosts(self, job: str) -> list[float]:
        """When a grandchild of the job was seen alive."""
        return [
            line["at"] for line in self.lines() if (line["job"], line["kind"]) == (job, "ghost")
        ]


def runs_of(lines: Iterable[dict[str, Any]]) -> list[Run]:
    """Put the lines of each run together."""
    found: dict[str, Run] = {}
    for line in lines:
        if line["kind"] == "ghost":
            continue
        known = found.get(line["run"])
        found[line["run"]] = Run(
            job=line["job"],
            attempt=line["attempt"],
            run=line["run"],
            pid=line["pid"],
            started=min(line["at"], known.started if known else line["at"]),
            last=max(line["at"], known.last if known else line["at"]),
            ended=line["kind"] == "end" or (known is not None and known.ended),
            over=line["kind"] in {"end", "over"} or (known is not None and known.over),
        )
    return sorted(found.values(), key=lambda run: run.started)
