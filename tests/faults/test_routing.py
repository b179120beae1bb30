"""Queues: chosen by a worker, by a type, by a job; classes of priority; workers side by side."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from deploy.local.service import REPO
from tests.eventually import eventually
from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

JOBS = "tests.faults.witness_jobs,tests.faults.routed_jobs"
BOOT_SECONDS = 20.0
REPORTS = "waymark.reports"


@contextmanager
def worker_of(stage: Stage, queues: str) -> Iterator[int]:
    """Run one more worker by hand, for these queues alone, as an operator would; its pid."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAYMARK_")},
        "WAYMARK_AMQP_URL": stage.rabbitmq.url,
        "WAYMARK_REDIS_URL": stage.redis.url,
        "WAYMARK_JOBS": JOBS,
        "WAYMARK_WORKER_PORT": "0",
        "WAYMARK_SLOTS": "1",
    }
    command = [sys.executable, "-m", "services.worker", "--queues", queues]
    process = subprocess.Popen(command, cwd=REPO, env=env, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


async def test_jobs_go_to_the_workers_of_their_queue_whether_type_or_job_names_it(
    new_stage: Callable[..., Stage],
) -> None:
    stage = new_stage(WAYMARK_QUEUES="default", WAYMARK_JOBS=JOBS)
    house_worker = stage.house.service("worker").pid
    async with stage.client() as http:
        unknown = await http.post("/v1/jobs", json=_job(queue="nowhere"))
        unserved = await http.post("/v1/jobs", json=_job("routed.report"))
        with worker_of(stage, "reports") as reporter:
            eventually(lambda: f"{REPORTS}.low" in stage.queues(), BOOT_SECONDS)
            by_type = await _accepted(http, _job("routed.report"))
            by_job = await _accepted(http, _job(queue="reports"))
            classes = [await _accepted(http, _job("routed.report", priority=p)) for p in (0, 9)]
            ordinary = await _accepted(http, _job())
            jobs = [by_type, by_job, *classes, ordinary]
            ended = await stage.gateway.settle(http, jobs, within=20)
        waiting = await _accepted(http, _job("routed.report", priority=9))
        eventually(lambda: stage.queues()[f"{REPORTS}.high"] == 1, 10)
        with worker_of(stage, "reports") as successor:
            later = (await stage.gateway.settle(http, [waiting], within=30))[waiting]

    assert unknown.status_code == 422
    assert [fault["pointer"] for fault in unknown.json()["errors"]] == ["/queue"]
    assert (unserved.status_code, unserved.json()["withdrawn"]) == (503, True)
    assert {ended[job]["result"] for job in [by_type, by_job, *classes]} == {reporter}
    assert {ended[job]["queue"] for job in [by_type, by_job, *classes]} == {"reports"}
    assert (ended[ordinary]["result"], ended[ordinary]["queue"]) == (house_worker, "default")
    assert later["result"] == successor


async def test_two_workers_share_a_queue(stage: Stage, http: httpx.AsyncClient) -> None:
    jobs = await stage.submit_many(http, 6, seconds=1.5)
    runs = [await stage.run_of(job) for job in jobs]

    assert {stage.worker_of(run) for run in runs} == {"worker", "worker.2"}
    assert await stage.verdict(http, jobs) == []


async def test_what_is_urgent_overtakes_what_waits_though_it_came_last(
    new_stage: Callable[..., Stage],
) -> None:
    stage = new_stage(WAYMARK_SLOTS="1")
    async with stage.client() as http:
        first = await stage.submit(http, seconds=2)
        await stage.run_of(first)
        low, normal, high = [
            [await _accepted(http, _job("witness.act", priority=p)) for _ in range(4)]
            for p in (1, 5, 8)
        ]
        ended = await stage.gateway.settle(http, [*low, *normal, *high], within=30)

    order = sorted(ended, key=lambda job: str(ended[job]["started_at"]))
    # One of each class may be held already, by the prefetch of each queue: none starts before.
    assert order[:4] == high
    assert order[4:8] == normal


def _job(kind: str = "routed.anywhere", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "payload": {}, **fields}


async def _accepted(http: httpx.AsyncClient, body: dict[str, Any]) -> str:
    answer = await http.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
