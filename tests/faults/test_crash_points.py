"""G1, W6, W7: the process dies before and after each step that moves a job; all of it heals."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.eventually import eventually_async
from tests.faults.arming import Arming
from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

RECONCILED_SECONDS = 30.0


@dataclass(frozen=True)
class Point:
    """A step at which a service dies, and the job that takes it there."""

    service: str
    step: str
    payload: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.service} {self.step}"

    @property
    def name(self) -> str:
        """The step, and what kind of job takes the service there."""
        return " ".join([str(self), *self.payload, *self.extra])


FLAKY = {"fail_times": 1}
LATER = {"delay_seconds": 0.6}
REFUSED = {"refuse": True}
CRASHING = {"crash_times": 1}
POINTS = [
    *(Point("gateway", f"{when} Submit") for when in ("before", "after")),
    *(Point("gateway", f"{when} publish") for when in ("before", "after")),
    *(Point("gateway", f"{when} Confirm") for when in ("before", "after")),
    *(Point("gateway", f"{when} publish_later", {}, LATER) for when in ("before", "after")),
    *(Point("gateway", f"{when} Archive", REFUSED) for when in ("before", "after")),
    *(Point("worker", f"{when} Claim") for when in ("before", "after")),
    *(Point("worker", f"{when} Heartbeat", {"seconds": 2}) for when in ("before", "after")),
    *(Point("worker", f"{when} Succeed") for when in ("before", "after")),
    Point("worker", "before Retry", FLAKY),
    Point("worker", "after Retry that publishes", FLAKY),
    *(Point("worker", f"{when} publish_later", FLAKY) for when in ("before", "after")),
    Point("worker", "before Retry", CRASHING),
    *(Point("worker", f"{when} Fail", REFUSED) for when in ("before", "after")),
]


@pytest.fixture(scope="module")
def arming(nodes_folder: Path) -> Iterator[Arming]:
    built = Arming(Path(tempfile.mkdtemp(prefix="arming-", dir=nodes_folder)))
    try:
        built.stage.house.start()
        yield built
    finally:
        built.stage.house.kill()


@pytest.mark.parametrize("point", POINTS, ids=lambda p: p.name)
async def test_a_crash_at_a_step_is_healed_within_30_s_and_makes_no_second_job(
    arming: Arming, point: Point
) -> None:
    stage = arming.stage
    stage.heal()
    arming.arm(str(point))
    try:
        async with stage.client() as http:
            body = {"type": "witness.act", "payload": point.payload, **point.extra}
            key = f"crash-{time.monotonic_ns()}"
            asked = asyncio.create_task(stage.gateway.submit(http, body, key=key, within=40))
            await asyncio.to_thread(arming.wait_dead, point.service)
            began = time.monotonic()
            await asyncio.to_thread(stage.house.service(point.service).start)
            job = (await asked)["id"]
            again = await http.post("/v1/jobs", json=body, headers={"Idempotency-Key": f'"{key}"'})
            assert again.json()["id"] == job
            assert await _ended(http, stage, job) - began < RECONCILED_SECONDS
            assert await stage.verdict(http, [job]) == []
            ordered = point.payload.get("fail_times", 0) + point.payload.get("crash_times", 0)
            assert len(stage.witness.runs(job)) <= 1 + ordered + 1
    finally:
        arming.disarm()


async def _ended(http: httpx.AsyncClient, stage: Stage, job: str) -> float:
    await stage.gateway.settle(http, [job], within=RECONCILED_SECONDS + 10)
    return time.monotonic()


@pytest.mark.parametrize(
    ("service", "step"),
    [
        *(("gateway", f"{when} Cancel") for when in ("before", "after")),
        *(("worker", f"{when} Stop") for when in ("before", "after")),
    ],
)
async def test_a_crash_at_a_step_of_a_cancel_leaves_the_job_cancelled_within_30_s(
    arming: Arming, service: str, step: str
) -> None:
    stage = arming.stage
    stage.heal()
    async with stage.client() as http:
        job = await stage.submit(http, seconds=60)
        await stage.run_of(job)
        arming.arm(f"{service} {step}")
        asked = asyncio.create_task(_cancel(http, job))
        await asyncio.to_thread(arming.wait_dead, service)
        began = time.monotonic()
        await asyncio.to_thread(stage.heal)
        await asked

        assert await _ended(http, stage, job) - began < RECONCILED_SECONDS
        assert (await stage.gateway.read(http, job))["state"] == "cancelled"
        assert await stage.verdict(http, [job]) == []


async def _cancel(http: httpx.AsyncClient, job: str) -> None:
    """Ask until there is an answer, as a client does whose gateway is restarted."""

    async def answered() -> bool:
        try:
            answer = await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 2})
        except httpx.TransportError:
            return False
        assert answer.status_code in {200, 202}, answer.text
        return True

    await eventually_async(answered, within=40)


async def test_w7_what_honours_the_idempotency_key_happens_once_though_its_job_runs_twice(
    arming: Arming,
) -> None:
    arming.stage.heal()
    arming.arm("worker before Succeed")
    async with arming.stage.client() as http:
        job = await arming.stage.submit(http)
        await asyncio.to_thread(arming.wait_dead, "worker")
        await asyncio.to_thread(arming.stage.heal)

        assert await arming.stage.verdict(http, [job]) == []
    effects = [line for line in arming.stage.witness.lines() if line["job"] == job]
    runs = arming.stage.witness.runs(job)
    assert [run.ended for run in runs] == [True, True]
    assert {line["key"] for line in effects if line["kind"] == "end"} == {job}


async def test_a_sweeper_that_dies_between_a_takeover_and_its_message_is_healed(
    arming: Arming,
) -> None:
    stage = arming.stage
    stage.heal()
    async with stage.client() as http:
        job = await stage.submit(http, seconds=1.5)
        await stage.run_of(job)
        arming.arm("gateway after Sweep that publishes")
        stage.house.service("worker").kill()
        await asyncio.to_thread(arming.wait_dead, "gateway")
        await asyncio.to_thread(stage.heal)

        assert await stage.verdict(http, [job]) == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_that_dies_while_it_hands_back_charges_nobody(
    arming: Arming, when: str
) -> None:
    stage = arming.stage
    stage.heal()
    async with stage.client() as http:
        job = await stage.submit(http, seconds=7)
        await stage.run_of(job)
        arming.arm(f"worker {when} Release")
        stage.house.service("worker").process.signal(signal.SIGTERM)
        await asyncio.to_thread(arming.wait_dead, "worker")
        await asyncio.to_thread(stage.heal)

        assert await stage.verdict(http, [job]) == []
        assert (await stage.gateway.read(http, job))["attempt"] == 1


@pytest.mark.parametrize(
    ("step", "lives"), [("before Redrive", 1), ("after Redrive that publishes", 2)]
)
async def test_a_gateway_that_dies_at_a_redrive_leaves_one_life_or_two(
    arming: Arming, step: str, lives: int
) -> None:
    stage = arming.stage
    stage.heal()
    async with stage.client() as http:
        job = await stage.submit(http, refuse=True)
        await stage.gateway.settle(http, [job], within=20)
        arming.arm(f"gateway {step}")
        with pytest.raises(httpx.TransportError):
            await http.post(f"/v1/jobs/{job}/retry")
        await asyncio.to_thread(arming.wait_dead, "gateway")
        await asyncio.to_thread(stage.heal)

        assert await stage.verdict(http, [job]) == []
        assert (await stage.gateway.read(http, job))["redrives"] == lives - 1
        assert len(stage.witness.runs(job)) == lives
