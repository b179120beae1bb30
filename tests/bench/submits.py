"""The submit races of the design: one gateway process beside the stacks that teams use.

`python -m tests.bench.submits [--rounds N] [--seconds N] [--json FILE] [RACER]...`. The rounds are
interleaved, so that a busy moment of the machine hits all alike; the figure of each is the median
of its rounds. Exit status 1 when a bar is missed. Run it alone.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.load import Plan
from tests.bench.stand import TYPE, Stand, stand
from tests.fakes.gateway import DEV

CLIENTS: Final = 32
BULK_CLIENTS: Final = 4
BULK_SIZE: Final = 500
WARM_SECONDS: Final = 1.0
PAYLOAD: Final = {"source": "s3://reports/2026/11/orders.csv", "delimiter": ";", "limit": 100_000}


@dataclass(frozen=True, slots=True)
class Racer:
    """Who runs: `path` is asked on `port`; one answer is `jobs` jobs."""

    name: str
    port: int
    pid: int | None
    plan: Plan
    clients: int = CLIENTS
    jobs: int = 1
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Jobs a second, round by round."""
        return [one["per_second"] * self.jobs for one in self.rounds]

    @property
    def rate(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rates)

    def cpu_us(self, process: str) -> float:
        """Return the processor time of one process for one job, in µs."""
        used = sum(one["cpu"][process] for one in self.rounds)
        return used / max(1, sum(one["answers"] for one in self.rounds) * self.jobs) * 1e6


@dataclass(frozen=True, slots=True)
class Bar:
    """What has to be reached."""

    what: str
    reached: float
    wanted: float
    unit: str
    counts: bool = True

    @property
    def cleared(self) -> bool:
        """Whether it has been."""
        return self.reached >= self.wanted


def plan(path: str, body: object, *, ours: bool) -> Plan:
    """Return what is sent."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    if ours:
        lines.append(f"authorization: {DEV}")
    return Plan("\r\n".join(lines), json.dumps(body), keyed=ours)


def racers(here: Stand, only: Sequence[str]) -> list[Racer]:
    """Return who takes part, started."""
    job = {"type": TYPE, "payload": PAYLOAD}
    makers: dict[str, Callable[[], list[Racer]]] = {
        "waymark": lambda: [
            Racer("waymark", here.port, None, plan("/v1/jobs", job, ours=True)),
        ],
        "bulk": lambda: [
            Racer(
                "waymark bulk", here.port, None,
                plan("/v1/jobs/bulk", {"jobs": [job] * BULK_SIZE}, ours=True),
                clients=BULK_CLIENTS, jobs=BULK_SIZE,
            ),
        ],
        "celery": lambda: _peer(here, "celery"),
        "dramatiq": lambda: _peer(here, "dramatiq"),
    }  # fmt: skip
    return [racer for name in only or makers for racer in makers[name]()]


def _peer(here: Stand, name: str) -> list[Racer]:
    port, pid = here.peer(f"{name}_api")
    ways = ("thread", "loop")
    plans = {way: plan(f"/{way}", PAYLOAD, ours=False) for way in ways}
    return [Racer(f"{name} ({way})", port, pid, plans[way]) for way in ways]


def bars(field_: Sequence[Racer]) -> list[Bar]:
    """Return the bars that can be judged with who ran: beside peers as their docs have them."""
    found = []
    rates = {one.name: one.rate for one in field_}
    for peer, wanted in (("celery", 4.0), ("dramatiq", 2.0)):
        for way, counts in (("thread", True), ("loop", False)):
            theirs = rates.get(f"{peer} ({way})")
            if theirs and "waymark" in rates:
                what = f"submit, beside FastAPI + {peer} ({way})"
                found.append(Bar(what, rates["waymark"] / theirs, wanted, "x", counts))
    if "waymark bulk" in rates:
        found.append(Bar("bulk submit", rates["waymark bulk"], 10_000, "jobs/s"))
    return found


def table(field_: Sequence[Racer], judged: Sequence[Bar]) -> str:
    """Return the results as text."""
    head = f"{'':20} {'jobs/s':>8} {'spread':>15} {'p50 ms':>7} {'p99 ms':>7}"
    lines = [f"{head}   processor time of a job, µs"]
    for one in field_:
        spread = f"{min(one.rates):.0f}-{max(one.rates):.0f}"
        p50, p99 = (statistics.median(r[key] for r in one.rounds) for key in ("p50_ms", "p99_ms"))
        costs = "  ".join(f"{who} {one.cpu_us(who):.0f}" for who in one.rounds[0]["cpu"])
        lines.append(f"{one.name:20} {one.rate:8.0f} {spread:>15} {p50:7.1f} {p99:7.1f}   {costs}")
        refused = [r["refused"] for r in one.rounds if r["refused"] or r["unanswered"]]
        if refused:
            lines.append(f"{'':20} refused or unanswered: {refused}")
    for bar in judged:
        verdict = "cleared" if bar.cleared else "missed"
        if not bar.counts:
            verdict = f"({verdict}; told, not judged: it is not how their docs have it)"
        lines.append(f"{bar.what}: {bar.reached:.2f} {bar.unit}, wanted {bar.wanted:g}: {verdict}")
    return "\n".join(lines)


def race(here: Stand, field_: Sequence[Racer], *, rounds: int, seconds: float) -> None:
    """Let all run in turn, so many times; a first turn warms up and is not counted."""
    for number in range(rounds + 1):
        for one in field_:
            tally = here.round(
                one.port,
                one.pid,
                one.plan,
                clients=one.clients,
                seconds=seconds if number else WARM_SECONDS,
            )
            if number:
                one.rounds.append(tally)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("only", nargs="*")
    told = parser.parse_args()
    with stand() as here:
        field_ = racers(here, told.only)
        race(here, field_, rounds=told.rounds, seconds=told.seconds)
    judged = bars(field_)
    print(table(field_, judged))
    if told.json:
        told.json.parent.mkdir(parents=True, exist_ok=True)
        racing = [{"name": one.name, "rounds": one.rounds} for one in field_]
        told.json.write_text(json.dumps({"racers": racing, "bars": [asdict(b) for b in judged]}))
    sys.exit(not all(bar.cleared for bar in judged if bar.counts))


if __name__ == "__main__":
    main()
