"""Judges what a house has done with its jobs, from outside alone. Pure; shares no word with it.

The evidence is what any client can read (HTTP, stream), what the broker says of its queues, what is
left over in Redis, and what the witness jobs wrote. `flaws` names each thing that must not be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.faults.witness import Run

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})
# What may follow what; the design's section 4 in this checker's own words.
ARROWS: Mapping[str, frozenset[str]] = {
    "": frozenset({"queued", "scheduled", "running"}),
    "scheduled": frozenset({"queued", "running", "cancelled", "expired", "failed"}),
    "queued": frozenset({"running", "cancelled", "expired", "failed"}),
    "running": frozenset({"succeeded", "retrying", "failed", "queued", "cancelled"}),
    "retrying": frozenset({"queued", "running", "cancelled", "failed"}),
    "failed": frozenset({"queued"}),
}
UNCOUNTED = frozenset({"worker_lost", "interrupted"})

Steps = Sequence[tuple[int, str]]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was found after the faults were healed and the work had time to drain.

    `accepted`: ids answered with 202. `jobs`: each as GET showed it last. `histories`: each job's
    (step, state) as the stream tells it. `queues`: messages ready or unacked, by queue. `residue`:
    entries left, by Redis key. `forgetful`: the store was made to forget acknowledged writes, so
    that runs and attempts need not match any more. `letters`: ids that are listed as dead letters;
    None when that was not asked.
    """

    accepted: frozenset[str]
    jobs: Mapping[str, Mapping[str, Any]]
    histories: Mapping[str, Steps]
    runs: Sequence[Run] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    residue: Mapping[str, int] = field(default_factory=dict)
    forgetful: bool = False
    letters: frozenset[str] | None = None


def flaws(found: Evidence) -> list[str]:
    """Return everything that is wrong, a line each; empty when every promise was kept."""
    runs_of: dict[str, list[Run]] = defaultdict(list)
    for run in found.runs:
        runs_of[run.job].append(run)
    wrong: list[str] = []
    for job in sorted(found.accepted):
        record, steps = found.jobs.get(job), found.histories.get(job)
        if record is None or not record["final"]:
            state = "gone" if record is None else record["state"]
            wrong.append(f"{job}: lost, it was accepted and is {state}")
            continue
        if steps is None:
            wrong.append(f"{job}: the stream does not know it")
            continue
        runs = runs_of[job]
        problems = [*_history(record, steps), *_budget(record)]
        problems += _letters(record, found.letters)
        if not found.forgetful:
            problems += _match(record, steps, runs)
        wrong += [f"{job}: {problem}" for problem in problems]
    for job, runs in sorted(runs_of.items()):
        wrong += [f"{job}: {problem}" for problem in overlaps(runs)]
    wrong += [f"queue {name} still holds {count}" for name, count in _left(found.queues)]
    wrong += [f"{key} still holds {count}" for key, count in _left(found.residue)]
    return wrong


def overlaps(runs: Sequence[Run]) -> list[str]:
    """Return each run that was alive after another run of the same job had begun.

    A frozen run writes nothing: only signs of life count.
    """
    in_order = sorted(runs, key=lambda run: run.started)
    found = []
    for index, run in enumerate(in_order):
        later = [other for other in in_order[index + 1 :] if other.started < run.last]
        found += [
            f"overlap, pid {run.pid} was alive {run.last - other.started:.3f} s after"
            f" pid {other.pid} had begun"
            for other in later
        ]
    return found


def _history(record: Mapping[str, Any], steps: Steps) -> Iterator[str]:
    numbers = [number for number, _ in steps]
    states = [state for _, state in steps]
    if numbers != list(range(1, len(steps) + 1)):
        yield f"its steps are {numbers}"
    if numbers[-1:] != [record["step"]]:
        yield f"the stream ends at step {numbers[-1:]}, the record at {record['step']}"
    if states[-1:] != [record["state"]]:
        yield f"the stream ends in {states[-1:]}, the record in {record['state']}"
    for before, after in pairwise(["", *states]):
        if after not in ARROWS.get(before, frozenset()):
            yield f"{before or 'nothing'} was followed by {after}"
    ends = sum(state in FINAL for state in states)
    if ends != record["redrives"] + 1:
        yield f"{ends} final transitions in {record['redrives'] + 1} lives: {states}"


def _budget(record: Mapping[str, Any]) -> Iterator[str]:
    most = record["max_attempts"] * (record["redrives"] + 1)
    used = [a for a in record["attempts"] if a["outcome"] not in UNCOUNTED]
    if len(used) > most or record["attempt"] > most:
        yield f"{max(len(used), record['attempt'])} attempts where {most} are allowed"


def _letters(record: Mapping[str, Any], listed: frozenset[str] | None) -> Iterator[str]:
    failed = record["state"] == "failed"
    if failed != (record["dead_letter"] is not None):
        yield f"{record['state']}, with dead letter {record['dead_letter']}"
    if listed is not None and failed != (record["id"] in listed):
        yield f"{record['state']}, {'not ' if failed else ''}listed as a dead letter"


def _match(record: Mapping[str, Any], steps: Steps, runs: Sequence[Run]) -> Iterator[str]:
    allowed = Counter(state for _, state in steps)["running"]
    if len(runs) > allowed:
        yield f"ran {len(runs)} times, was allowed to {allowed} times"
    is_witness = str(record["type"]).startswith("witness.")
    if is_witness and record["state"] == "succeeded":
        finished = {run.attempt for run in runs if run.ended}
        if record["attempt"] not in finished:
            yield f"succeeded in attempt {record['attempt']}, which never came to its end"


def _left(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted((name, count) for name, count in counts.items() if count)
