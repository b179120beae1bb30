"""W12: a worker whose wall clock is an hour off. Only the store's clock counts."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.service import Service
from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

SKEWED = "worker.2"
QUEUE = "skewed"  # nobody else serves it
SLOTS = 3  # of each worker of the stage
LEASE_SECONDS = 15.0
ON_TIME_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 1.0  # of witness.act
HOUR = 3600.0


@pytest.fixture
def libfaketime() -> Path:
    """The library; skips (in CI: fails) where it is not installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        reason = "needs libfaketime: apt-get install faketime"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found[0]


@asynccontextmanager
async def wrong_by(offset: str, library: Path, stage: Stage) -> AsyncIterator[Service]:
    """Run the second worker with another wall clock and a queue of its own as well."""
    env = environment(stage.house.service(SKEWED))
    env |= {
        "LD_PRELOAD": str(library),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": f"{Path(__file__).parent / 'skewed'}{os.pathsep}{env['PYTHONPATH']}",
        "WAYMARK_QUEUES": f"default,{QUEUE}",
    }
    worker = Service(SKEWED, root=stage.house.root, env=lambda: env)
    await asyncio.to_thread(worker.restart)
    try:
        yield worker
    finally:
        await asyncio.to_thread(worker.stop)  # the stage starts it again as it was


def environment(service: Service) -> dict[str, str]:
    """Return what a running service was started with."""
    told = Path(f"/proc/{service.pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in told if line)


@pytest.mark.parametrize(("offset", "hours"), [("+1h", 1), ("-1h", -1)])
async def test_w12_a_worker_whose_clock_is_an_hour_off_does_all_of_it_on_time(
    stage: Stage, http: httpx.AsyncClient, libfaketime: Path, offset: str, hours: int
) -> None:
    async with wrong_by(offset, libfaketime, stage) as worker:
        told = json.loads(worker.log_text().splitlines()[-1])["at"]
        assert abs(seconds(told) - time.time() - hours * HOUR) < 60, "it is set wrong"
        mixed = await stage.submit_many(http, 8, seconds=0.5)
        asked = await there(stage, http)
        jobs = await stage.gateway.settle(http, [*asked.values(), *mixed], within=60)
        assert await stage.verdict(http, jobs) == []

    found = {name: jobs[job] for name, job in asked.items()}
    assert {name: job["state"] for name, job in found.items()} == {
        "long": "succeeded",
        "delayed": "succeeded",
        "at a moment": "succeeded",
        "expires later": "succeeded",
        "expires first": "expired",
        "retried": "succeeded",
        "limited": "failed",
    }
    assert stage.witness.runs(asked["expires first"]) == []
    for name in ("delayed", "at a moment"):
        late = seconds(found[name]["started_at"]) - seconds(found[name]["run_at"])
        assert 0 <= late < ON_TIME_SECONDS, name
    assert [run.attempt for run in stage.witness.runs(asked["long"])] == [1]
    assert all(0 <= wait < LONGEST_BACKOFF_SECONDS + ON_TIME_SECONDS for wait in waits(found))
    assert found["limited"]["error"]["code"] == "time_limit_exceeded"
    assert 1 <= lasted(found["limited"]) < 1 + ON_TIME_SECONDS
    assert LEASE_SECONDS < lasted(found["long"]) < LEASE_SECONDS + 2 + ON_TIME_SECONDS


async def there(stage: Stage, http: httpx.AsyncClient) -> dict[str, str]:
    """Submit one job of each kind that has to do with time to the skewed worker's own queue."""

    async def submit(**asked: Any) -> str:
        body = {"type": "witness.act", "payload": {}, "queue": QUEUE, **asked}
        answer = await stage.gateway.submit(http, body, key=f"k-{time.monotonic_ns()}", within=20)
        return str(answer["id"])

    long = await submit(payload={"seconds": LEASE_SECONDS + 2})
    for job in (long, *[await submit(payload={"seconds": 3}) for _ in range(SLOTS - 1)]):
        await stage.run_of(job)
    expires_first = await submit(expires_at=rfc3339(time.time() + 1))  # no slot is free
    await stage.gateway.settle(http, [expires_first], within=10)
    return {
        "long": long,
        "expires first": expires_first,
        "delayed": await submit(delay_seconds=3),
        "at a moment": await submit(run_at=rfc3339(time.time() + 5)),
        "expires later": await submit(expires_at=rfc3339(time.time() + HOUR / 2)),
        "retried": await submit(payload={"fail_times": 2}),
        "limited": await submit(type="witness.stuck", payload={"how": "python"}),
    }


def waits(found: dict[str, dict[str, Any]]) -> list[float]:
    """Return the seconds between the attempts of the retried job, by the store's clock."""
    attempts = found["retried"]["attempts"]
    assert len(attempts) == 3
    return [
        seconds(later["started_at"]) - seconds(earlier["finished_at"])
        for earlier, later in pairwise(attempts)
    ]


def lasted(job: dict[str, Any]) -> float:
    """Return the seconds of its only attempt, by the store's clock."""
    [attempt] = job["attempts"]
    return seconds(attempt["finished_at"]) - seconds(attempt["started_at"])


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
