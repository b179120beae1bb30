"""`python -m tests.chaos.stream --seconds 60 --seed 1`: a storm over the stream, and a verdict.

Afterwards the negative controls: the same judge must find fault with clients and notifiers that
keep one rule less. Exit status 1 when a client saw anything but every step once and in order, or
when a control went unnoticed.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from deploy.local.undertaker import watch_over
from tests.chaos.stream.controls import CONTROLS, run_control
from tests.chaos.stream.storm import Storm, Verdict, Weather
from tests.faults.sabotage import copy_of_the_code

MOST_SHOWN = 30


def storm(weather: Weather, folder: Path) -> Verdict:
    """Run one on a copy of the code: what restarts in its middle must be of the same state."""
    it = Storm(weather, folder, copy_of_the_code(folder / "code"))
    try:
        return asyncio.run(it.run())
    finally:
        it.end()


def show(verdict: Verdict) -> None:
    print(json.dumps(verdict.counts, indent=2))
    for flaw in verdict.flaws[:MOST_SHOWN]:
        print(f"  {flaw}")
    print(f"{len(verdict.flaws)} flaws")


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos-stream")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--only", choices=("storm", *CONTROLS))
    told = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="waymark-storm-"))
    undertaker = watch_over(folder)
    bad = False
    try:
        if told.only in {None, "storm"}:
            (folder / "storm").mkdir()
            weather = Weather(
                seconds=told.seconds, seed=told.seed, jobs=told.jobs, clients=told.clients
            )
            verdict = storm(weather, folder / "storm")
            show(verdict)
            bad = bool(verdict.flaws)
            if bad:
                kept = tempfile.mkdtemp(prefix="waymark-storm-kept-")
                for log in (folder / "storm").glob("*.*"):
                    shutil.copy(log, kept)
                print(f"logs: {kept}; again: make chaos-stream SEED={told.seed}")
        for name in CONTROLS if told.only is None else {told.only} - {"storm"}:
            (folder / name).mkdir()
            noticed = run_control(name, folder / name, seed=told.seed)
            print(noticed)
            bad = bad or not noticed.ok
    finally:
        undertaker.communicate(timeout=60)
    print("chaos-stream:", "FAILED" if bad else "every client saw every step once, in order")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
