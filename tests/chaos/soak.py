"""A seeded storm: mixed load, faults at random, then every job accounted for.

    python -m tests.chaos.soak --seconds 600 --seed 1

Prints a verdict as JSON; exit status 1 when any promise was broken. The seed fixes what is
submitted and what is broken; when exactly it happens is the machine's.
"""

import argparse
import asyncio
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from deploy.local.undertaker import watch_over
from tests.chaos.faults import Tormentor, recoveries
from tests.chaos.load import Customer, Ledger
from tests.faults.checker import flaws
from tests.faults.sabotage import copy_of_the_code
from tests.faults.stage import TENANT, Stage

TENANTS = (TENANT, "acme", "umbra")
DRAIN_SECONDS = 150.0
RECOVERY_SECONDS = 20.0
MOST_FLAWS_SHOWN = 40
SURPRISES = ("Traceback (most recent call last)", '"level": "critical"', '"level":"critical"')


async def soak(stage: Stage, *, seconds: float, seed: str) -> dict[str, Any]:
    """Run the storm on a started stage and return the verdict."""
    ledger, until = Ledger(), asyncio.Event()
    tormentor = Tormentor(stage, seed)
    customers = [Customer(stage, tenant, ledger, seed) for tenant in TENANTS]
    async with asyncio.TaskGroup() as storm:
        for customer in customers:
            storm.create_task(customer.live(until))
        raging = storm.create_task(tormentor.rage(until))
        await asyncio.sleep(seconds)
        until.set()
        await raging
        await asyncio.to_thread(stage.heal)
        healed = time.monotonic()
    ledger.accepted[TENANT].update(tormentor.probes)
    ledger.kinds |= dict.fromkeys(tormentor.probes, "slow")
    wrong, states = await _account(stage, ledger)
    every, in_calm = recoveries(tormentor.wounds, stage.witness.runs())
    if in_calm and _p99(in_calm) > RECOVERY_SECONDS:
        wrong.append(f"a killed worker's jobs ran again with p99 {_p99(in_calm):.1f} s")
    return {
        "ok": not wrong,
        "seed": seed,
        "seconds": seconds,
        "faults": sum(tormentor.counts.values()),
        "by_fault": tormentor.counts,
        "accepted": sum(len(jobs) for jobs in ledger.accepted.values()),
        "answers": dict(ledger.answers),
        "withdrawn": len(ledger.withdrawn),
        "states": states,
        "runs": len(stage.witness.runs()),
        "lost": sum("lost, it was accepted" in flaw for flaw in wrong),
        "overlaps": sum("overlap" in flaw for flaw in wrong),
        "flaws": wrong[:MOST_FLAWS_SHOWN],
        "flaw_count": len(wrong),
        "orphans": sum(len(wound.orphans) for wound in tormentor.wounds),
        "recovery_seconds": _spread(every),
        "recovery_in_calm_seconds": _spread(in_calm),
        "drained_seconds": round(time.monotonic() - healed, 1),
        "surprises": _surprises(stage),
    }


async def _account(stage: Stage, ledger: Ledger) -> tuple[list[str], dict[str, int]]:
    wrong, states = list(ledger.flaws), Counter[str]()
    for tenant in TENANTS:
        async with stage.client(tenant) as http:
            evidence = await stage.evidence(
                http, ledger.accepted[tenant], within=DRAIN_SECONDS, tenant=tenant
            )
        wrong += [f"{flaw} [{ledger.kinds.get(flaw[:36], '?')}]" for flaw in flaws(evidence)]
        states.update(job["state"] for job in evidence.jobs.values())
        wrong += _unexpected(evidence.jobs, ledger)
    ran = {run.job for run in stage.witness.runs()}
    wrong += [f"{job}: was withdrawn and ran all the same" for job in ledger.withdrawn & ran]
    return wrong, dict(states)


def _unexpected(jobs: Any, ledger: Ledger) -> list[str]:
    """Return jobs that ended otherwise than their kind must, however often things broke."""
    wrong = []
    for job, record in jobs.items():
        kind, state = ledger.kinds[job], record["state"]
        expected = {
            "poison": {"failed"},
            "refused": {"failed"},
            "cancel": {"cancelled", "succeeded"},
        }.get(kind, {"succeeded"})
        is_poison = state == "failed" and record["dead_letter"]["reason"] == "poison"
        # Two kills of its own slot make any job poison: that is the rule, and a kill the fault.
        if record["final"] and state not in expected and not is_poison:
            wrong.append(f"{job}: a job of kind {kind} is {state}: {record['error']}")
    return wrong


def _p99(values: list[float]) -> float:
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    return {
        "count": len(values),
        "p50": round(statistics.median(values), 1),
        "p99": round(_p99(values), 1),
        "max": round(max(values), 1),
    }


def _surprises(stage: Stage) -> dict[str, int]:
    """Return what the services never meant to log, and how often: kinds of traceback, criticals."""
    found: Counter[str] = Counter()
    for service in stage.house.services:
        for line in service.log_text().splitlines():
            if any(word in line for word in SURPRISES):
                found[f"{service.kind}: {_gist(line)}"] += 1
    return dict(found.most_common(MOST_FLAWS_SHOWN))


def _gist(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:120]
    last = str(entry.get("exception", "")).strip().rpartition("\n")[2]
    return f"{entry.get('event')} {last}"[:160]


def _keep(stage: Stage) -> str:
    """Copy what tells the story out of the folder, which is deleted."""
    kept = Path(tempfile.mkdtemp(prefix="waymark-soak-kept-"))
    shutil.copytree(stage.house.root / "logs", kept / "logs")
    shutil.copy(stage.witness.file, kept)
    return str(kept)


def main() -> int:
    """Run one storm; logs and witness file are kept when something was wrong."""
    arguments = argparse.ArgumentParser(prog="soak")
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--seed", default="1")
    given = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="waymark-soak-"))
    undertaker = watch_over(folder)
    # A copy: what restarts in the middle must not be another state of the code.
    stage = Stage(folder / "house", code=copy_of_the_code(folder / "code"))
    try:
        stage.house.start()
        verdict = asyncio.run(soak(stage, seconds=given.seconds, seed=given.seed))
        verdict["repro"] = f"make soak SECONDS={given.seconds:g} SEED={given.seed}"
        if not verdict["ok"]:
            verdict["kept"] = _keep(stage)
    finally:
        stage.house.kill()
        undertaker.communicate(timeout=30)
    print(json.dumps(verdict, indent=2))
    return 0 if verdict["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
