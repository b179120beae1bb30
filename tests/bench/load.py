"""A closed loop of HTTP clients: wrk, each of whose connections asks again when answered.

It runs in a process of its own, and what it costs is told: it shares the machine. A client written
in Python costs three times as much, and would take that from whom it measures.
"""

import json
import resource
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

GIVE_UP_SECONDS: Final = 60.0  # beyond a round
_SCRIPT: Final = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: a head without its last line, and a body as it goes out.

    `keyed`: each request bears an Idempotency-Key of its own.
    """

    head: str
    body: str
    keyed: bool


def drive(port: int, clients: int, seconds: float, plan: Plan) -> dict[str, Any]:
    """Ask for so long; return what came back, and what asking cost (`cpu_seconds`)."""
    run = uuid.uuid4().hex[:12] if plan.keyed else ""
    before = _spent()
    done = subprocess.run(
        [
            "wrk", "--threads", "1", "--connections", str(clients),
            "--duration", f"{seconds:.0f}s", "--timeout", "10s", "--script", str(_SCRIPT),
            f"http://127.0.0.1:{port}", "--", run, plan.head, plan.body,
        ],
        stdout=subprocess.PIPE, check=True, timeout=seconds + GIVE_UP_SECONDS,
    )  # fmt: skip
    tally: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    rate = round(tally["answers"] / tally["seconds"], 1)
    return tally | {"per_second": rate, "cpu_seconds": round(_spent() - before, 3)}


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
