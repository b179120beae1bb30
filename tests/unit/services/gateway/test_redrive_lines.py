"""What an operator types is masked in the line of a redrive. Run in a process of its own."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio
from types import SimpleNamespace

from prometheus_client import CollectorRegistry

from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.redrive import Redriving
from shared.contracts.dead_letters import LetterAnswer, LetterVerdict
from shared.runtime import logs
from tests.fakes.jobs import record


class Store:
    async def do(self, _operation):
        return LetterAnswer(verdict=LetterVerdict.DONE, job=record())


logs.configure("gateway", "INFO")
redriving = Redriving(
    store=Store(),
    publisher=SimpleNamespace(ready=True),
    metrics=LetterMetrics(CollectorRegistry()),
)
reason = "key wm_ab12_s3cr3t was wrong"
asyncio.run(redriving.redrive("j", tenant="acme", by="key:ops", reason=reason))
"""


def test_a_secret_in_the_reason_of_a_redrive_is_masked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )

    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (line["event"], line["by"], line["job_id"]) == (
        "job_redriven",
        "key:ops",
        "01938c5e-0000-7000-8000-000000000001",
    )
    assert line["reason"] == "key wm_ab12_*** was wrong"
