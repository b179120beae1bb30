"""Slot, worker, gateway and notifier are killed under load: nothing is lost, nothing ends twice."""

import asyncio
import os
import signal
from pathlib import Path

import httpx

from deploy.local.house import House
from tests.e2e.outside import Gateway, Watcher, flaws_of
from tests.eventually import eventually

JOBS = 50
WATCHERS = 3


async def test_50_jobs_and_their_watchers_survive_the_death_of_every_process(
    house: House, gateway: Gateway, http: httpx.AsyncClient
) -> None:
    jobs = await _submit(gateway, http, first=0, count=JOBS // 2)
    token = await gateway.token(http, jobs)
    watchers = [Watcher(house.stream_url, token, jobs) for _ in range(WATCHERS)]
    watching = [asyncio.create_task(watcher.run(within=170)) for watcher in watchers]

    await asyncio.to_thread(_kill_a_busy_slot, house)
    for name in ("worker", "gateway", "notifier"):
        more = asyncio.create_task(_submit(gateway, http, first=len(jobs), count=8))
        await asyncio.to_thread(house.service(name).kill)
        await asyncio.to_thread(house.service(name).start)
        jobs += await more
    ended = await gateway.settle(http, jobs, within=150)
    await asyncio.gather(*watching)
    late = Watcher(house.stream_url, await gateway.token(http, jobs), jobs)
    await late.run(within=20)

    assert {job["state"] for job in ended.values()} == {"succeeded"}
    assert len(set(jobs)) == len(jobs) == JOBS // 2 + 24
    for watcher in [*watchers, late]:
        flaws = {job: found for job, seen in watcher.seen.items() if (found := flaws_of(seen))}
        assert flaws == {}
        for job, seen in watcher.seen.items():
            assert seen.step == ended[job]["step"]
    assert all(watcher.connections > 1 for watcher in watchers)


async def _submit(
    gateway: Gateway, http: httpx.AsyncClient, *, first: int, count: int
) -> list[str]:
    accepted = await asyncio.gather(
        *(
            gateway.submit(
                http,
                {"type": "demo.steps", "payload": {"steps": 10, "seconds_per_step": 0.15}},
                key=f"survivor-{n}",
            )
            for n in range(first, first + count)
        )
    )
    return [job["id"] for job in accepted]


def _kill_a_busy_slot(house: House) -> None:
    worker = house.service("worker").pid
    assert worker is not None

    def busy_slot() -> int | None:
        slots = [child for zygote in _children(worker) for child in _children(zygote)]
        return slots[0] if slots else None

    slot = eventually(busy_slot, within=10)
    assert slot is not None
    os.kill(slot, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [
        int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]
