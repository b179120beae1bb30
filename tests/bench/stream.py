"""The fan-out races of the design: the notifier beside what teams write first.

`python -m tests.bench.stream [--rounds N] [--json FILE] [--small]`. The watchers and whoever
publishes are processes of their own; what the notifier is told comes from the store's own scripts.
Rounds are interleaved; CPU is the server process's own. Exit status 1 when a bar is missed.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.stream_stand import Jobs, PlainJobs, Server, Stand, hello, stand
from tests.bench.watchers import Watchers, raise_open_files

RACES: Final = ("fan-out", "memory", "latency", "crowded")
HZ: Final = 20
TOGETHER: Final = 5  # watchers of a job where it is crowded; then it tells of 5 events a second
SETTLE_SECONDS: Final = 1.5
WARM_SECONDS: Final = 1.0
TICK_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Size:
    """How large the races are."""

    fans: int = 1_000  # watchers of one job
    events: int = 60  # that they are told of in a round
    connections: int = 5_000
    watchers: int = 2_000  # each of a job of its own, or several of each
    events_per_second: int = 2_000
    seconds: float = 6.0


SMALL: Final = Size(
    fans=50, events=10, connections=100, watchers=60, events_per_second=60, seconds=1.0
)


@dataclass(frozen=True)
class Bar:
    """What has to be reached: at most so much."""

    what: str
    reached: float
    wanted: float
    unit: str

    @property
    def cleared(self) -> bool:
        return self.reached <= self.wanted


Teller = Jobs | PlainJobs
Figures = dict[str, dict[str, Any]]
"""By race, then by racer."""


async def fan_out(here: Stand, size: Size, rounds: int) -> dict[str, Any]:
    """Tell of one job's transitions to a thousand; return CPU of a delivery in µs, by racer."""
    ours = Jobs(here.redis.url, 1)
    await ours.submit()
    tellers: list[tuple[Server, Teller, Watchers]] = []
    for server, teller in (
        (here.waymark(), ours),
        (here.plain(), PlainJobs(here.redis.url, ours.ids)),
    ):
        crowd = here.watchers()
        server.have_a_core()
        await asyncio.to_thread(crowd.open, server.url, [hello(ours.ids[0])] * size.fans)
        tellers.append((server, teller, crowd))
    found: dict[str, list[float]] = {}
    await asyncio.sleep(SETTLE_SECONDS)
    for _ in range(rounds):
        for server, teller, crowd in tellers:
            crowd.count("transition")
            crowd.start(do="until", frames=size.fans * size.events)
            before = server.cpu
            await _at_pace(teller, ours.ids[0], size.events)
            told = await asyncio.to_thread(crowd.answer)
            assert told["frames"] == size.fans * size.events, told
            spent = server.cpu - before
            found.setdefault(server.name, []).append(spent / told["frames"] * 1e6)
    for _, teller, crowd in tellers:
        crowd.end()
        await teller.close()
    return {
        name: {"us": round(statistics.median(all_), 2), "rounds": [round(us, 2) for us in all_]}
        for name, all_ in found.items()
    }


async def _at_pace(teller: Teller, job: str, events: int) -> None:
    began = time.monotonic()
    for number in range(events):
        await teller.turn(job)
        await asyncio.sleep(max(0.0, began + (number + 1) / HZ - time.monotonic()))


async def memory(here: Stand, size: Size) -> dict[str, Any]:
    """Connect 5,000, each to a job of its own; return the memory of one in KiB, by racer."""
    jobs = Jobs(here.redis.url, size.connections)
    await jobs.submit()
    await jobs.close()
    hellos = [hello(job) for job in jobs.ids]
    found = {}
    for server in (here.waymark(), here.plain()):
        crowd = here.watchers()
        await asyncio.sleep(SETTLE_SECONDS)
        empty = server.rss_kib
        opened = await asyncio.to_thread(crowd.open, server.url, hellos)
        await asyncio.sleep(SETTLE_SECONDS)
        found[server.name] = {
            "kib": round((server.rss_kib - empty) / len(hellos), 2),
            "empty_mib": round(empty / 1024, 1),
            "open_seconds": round(opened["seconds"], 2),
            "cpu_seconds": round(server.cpu, 2),
        }
        crowd.end()
    return found


async def latency(here: Stand, size: Size, each: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell 2,000 watchers of 2,000 events a second, `each` watchers a job; then let them storm.

    Returns publish → socket in ms, and the time until all are live again in ms; by racer.
    """
    jobs = Jobs(here.redis.url, size.watchers // each)
    await jobs.submit()
    await jobs.start()
    hellos = [hello(job) for job in jobs.ids for _ in range(each)]
    plain = PlainJobs(here.redis.url, jobs.ids)
    racers: list[tuple[Server, Teller]] = [(here.waymark(), jobs), (here.plain(), plain)]
    if each == 1:
        racers.append((here.plain("poll"), plain))
    late, storms = {}, {}
    for server, teller in racers:
        crowd = here.watchers()
        await asyncio.to_thread(crowd.open, server.url, hellos)
        crowd.count("progress")
        crowd.start(do="until", frames=10**9, seconds=WARM_SECONDS + 1)
        await report(teller, size.events_per_second, WARM_SECONDS)
        await asyncio.to_thread(crowd.answer)
        crowd.count("progress")
        crowd.start(do="until", frames=10**9, seconds=size.seconds + 1)
        before = server.cpu
        sent = await report(teller, size.events_per_second, size.seconds)
        told = await asyncio.to_thread(crowd.answer)
        used = {"cpu_share": round((server.cpu - before) / size.seconds, 3), "sent": sent}
        late[server.name] = told | used
        if each == 1 and server.name != "poll a second":
            await asyncio.sleep(SETTLE_SECONDS)
            before = server.cpu
            storm = await asyncio.to_thread(crowd.storm)
            storms[server.name] = storm | {"cpu_seconds": round(server.cpu - before, 2)}
        crowd.end()
    await jobs.close()
    await plain.close()
    return late, storms


async def report(teller: Teller, per_second: int, seconds: float) -> int:
    """Tell of the jobs in turn, at this rate; return how many events were sent."""
    began, sent, ids = time.monotonic(), 0, list(teller.ids)
    while (at := time.monotonic() - began) < seconds:
        due = int(at * per_second) - sent
        some = [ids[(sent + n) % len(ids)] for n in range(min(due, len(ids)))]
        if some:
            await teller.report(some)
            sent += len(some)
        await asyncio.sleep(TICK_SECONDS)
    return sent


async def race(here: Stand, size: Size, rounds: int, only: Sequence[str]) -> Figures:
    """Run these races."""
    found: Figures = {}
    if "fan-out" in only:
        found["fan-out"] = await fan_out(here, size, rounds)
    if "memory" in only:
        found["memory"] = await memory(here, size)
    if "latency" in only:
        found["latency"], found["storm"] = await latency(here, size, 1)
    if "crowded" in only:
        found["crowded"], _ = await latency(here, size, TOGETHER)
    return found


def bars(found: Figures) -> list[Bar]:
    """Return what the design demands of the races that were run, and what came of it."""
    wanted = (
        ("CPU of one delivery, 1 event to 1,000", "fan-out", "us", 9.0, "µs"),
        ("memory of a connection, at 5,000", "memory", "kib", 15.0, "KiB"),
        ("publish to socket, p99", "latency", "p99", 50.0, "ms"),
    )
    return [
        Bar(what, found[name]["waymark"][figure], most, unit)
        for what, name, figure, most, unit in wanted
        if name in found
    ]


def table(found: Figures, judged: Sequence[Bar]) -> str:
    """Return the figures as text."""
    lines = []
    for race_, racers in found.items():
        for racer, figures in racers.items():
            told = "  ".join(f"{name} {value}" for name, value in figures.items())
            lines.append(f"{race_:8} {racer:14} {told}")
    for bar in judged:
        verdict = "cleared" if bar.cleared else "MISSED"
        lines.append(f"{bar.what}: {bar.reached:g} {bar.unit}, at most {bar.wanted:g}: {verdict}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("only", nargs="*", default=RACES)
    told = parser.parse_args()
    raise_open_files()
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder, stand(Path(folder)) as it:
        found = asyncio.run(race(it, SMALL if told.small else Size(), told.rounds, told.only))
    judged = bars(found)
    print(table(found, judged))
    if told.json:
        told.json.parent.mkdir(parents=True, exist_ok=True)
        told.json.write_text(json.dumps(found, indent=2))
    sys.exit(not all(bar.cleared for bar in judged))


if __name__ == "__main__":
    main()
