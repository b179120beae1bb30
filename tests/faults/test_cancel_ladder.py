"""The four rungs of a cancel: which one it took, by the record, and how long that was."""

import asyncio
import sys
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

GRACE_SECONDS = 3.0
# From the request to the next rung: a tenth of the grace, two thirds, all of it.
REACHED = {"flag": 0.0, "exception": 0.3, "term": 2.0, "kill": 3.0}
LATE_SECONDS = 1.0
HABITS = [
    ("ruled.tracked", "flag"),
    ("ruled.polling", "flag"),
    ("ruled.asleep", "exception"),
    ("ruled.stubborn", "term"),
    ("ruled.deaf", "kill"),
]
EACH = 20
AT_ONCE = 5


@pytest.mark.parametrize(("habit", "rung"), HABITS)
async def test_the_record_says_which_rung_a_cancel_took(
    stage: Stage, http: httpx.AsyncClient, *, habit: str, rung: str
) -> None:
    job = await stage.submit(http, habit, seconds=30)
    await stage.run_of(job)
    before = await stage.gateway.read(http, job)
    record = await _cancelled(stage, http, job)
    gone = stage.witness.ghosts(job)

    assert before["stopped_by"] is None
    assert (record["state"], record["stopped_by"]) == ("cancelled", rung)
    assert record["attempts"][-1]["outcome"] == "cancelled"
    assert REACHED[rung] <= _took(record) < REACHED[rung] + LATE_SECONDS
    await asyncio.sleep(0.3)
    assert stage.witness.ghosts(job) == gone  # a grandchild in a session of its own has died too
    assert await stage.verdict(http, [job]) == []


async def test_a_job_that_had_not_started_took_no_rung(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    body = {"type": "ruled.tracked", "payload": {"seconds": 1}, "delay_seconds": 2}
    job = (await http.post("/v1/jobs", json=body)).json()["id"]
    answer = await http.post(f"/v1/jobs/{job}/cancel", json={})

    assert (answer.json()["state"], answer.json()["stopped_by"]) == ("cancelled", None)


async def test_cancels_are_as_quick_as_their_rung_allows(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    """`make faults` shows the numbers with -rP; docs/cancelling.md keeps those of one run."""
    lines = []
    for habit, rung in HABITS:
        took: list[float] = []
        while len(took) < EACH:
            jobs = await stage.submit_many(http, AT_ONCE, habit, seconds=30)
            for job in jobs:
                await stage.run_of(job)
            records = await asyncio.gather(*(_cancelled(stage, http, job) for job in jobs))
            assert {record["stopped_by"] for record in records} == {rung}
            took += [_took(record) for record in records]
        took.sort()
        median, worst = took[len(took) // 2], took[-1]
        lines.append(f"| `{habit}` | {rung} | {REACHED[rung]:g} | {median:.2f} | {worst:.2f} |")
        assert worst < REACHED[rung] + LATE_SECONDS, lines
    sys.stdout.write("\n".join(lines) + "\n")


async def _cancelled(stage: Stage, http: httpx.AsyncClient, job: str) -> dict[str, Any]:
    answer = await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": GRACE_SECONDS})
    assert answer.status_code == 202, answer.text
    ended = await stage.gateway.settle(http, [job], within=GRACE_SECONDS + 5)
    return ended[job]


def _took(record: dict[str, Any]) -> float:
    """Seconds from the request to the end, both by the store's clock."""
    asked, ended = record["cancel_requested_at"], record["finished_at"]
    return datetime.fromisoformat(ended).timestamp() - datetime.fromisoformat(asked).timestamp()
