"""A house at work: all that users do to it, again and again, until it is told to stop."""

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import websockets

from deploy.local.house import House
from tests.e2e.outside import Gateway, Watcher
from tests.eventually import eventually_async
from tests.integration.webhook_receivers import in_turn, receiver, says

PAUSE_SECONDS = 0.5  # between two of a kind: two cores have to do all of this
WITHIN_SECONDS = 60.0
GRUMPY = [says(503, Retry_After="1"), says(200)] * 500  # every second delivery is refused at first

Scene = Callable[["Crowd"], Awaitable[None]]


class Crowd:
    """Users of one house, each of whom does the same thing over and over."""

    def __init__(self, house: House, http: httpx.AsyncClient, hook: str) -> None:
        self.house, self.http, self.hook = house, http, hook
        self.gateway = Gateway(house.url, house.keys.tenant)
        self._keys = (f"busy-{house.url}-{n}" for n in itertools.count())

    async def submit(self, steps: int = 2, seconds: float = 0.02, **wishes: Any) -> str:
        """Submit a job of some steps; return its id."""
        payload = {"steps": steps, "seconds_per_step": seconds, **wishes.pop("payload", {})}
        body = {"type": "demo.steps", "payload": payload, **wishes}
        job = await self.gateway.submit(self.http, body, key=next(self._keys))
        return str(job["id"])

    async def end(self, job: str) -> None:
        """Wait until a job has ended."""
        await self.gateway.settle(self.http, [job], within=WITHIN_SECONDS)

    async def post(self, path: str, *, expect: set[int], **rest: Any) -> None:
        """Send something and know the answer."""
        answer = await self.http.post(path, **rest)
        assert answer.status_code in expect, answer.text


async def work_and_be_watched(crowd: Crowd) -> None:
    """A job reports progress, and somebody looks on."""
    job = await crowd.submit(steps=10, seconds=0.03)
    token = await crowd.gateway.token(crowd.http, [job])
    await Watcher(crowd.house.stream_url, token, [job]).run(within=WITHIN_SECONDS)


async def fail_at_first(crowd: Crowd) -> None:
    """A job is retried."""
    await crowd.end(await crowd.submit(payload={"fail_times": 1}))


async def fail_for_good(crowd: Crowd) -> None:
    """A job becomes a dead letter, and is given a new life."""
    job = await crowd.submit(payload={"fail_times": 1}, max_attempts=1)
    await crowd.end(job)
    await crowd.post(f"/v1/jobs/{job}/retry", json={}, expect={202})


async def crash(crowd: Crowd) -> None:
    """A slot dies under a job; another tries again."""
    await crowd.end(await crowd.submit(payload={"crash_times": 1}))


async def poison(crowd: Crowd) -> None:
    """A job kills its slot twice, and is given up."""
    job = await crowd.submit(payload={"crash_times": 2})
    await crowd.end(job)
    await crowd.post("/v1/dead-letters/discard", json={"ids": [job]}, expect={202})


async def change_ones_mind(crowd: Crowd) -> None:
    """A job is cancelled while it runs, another before it began."""
    later = await crowd.submit(delay_seconds=600)
    job = await crowd.submit(steps=1000, seconds=0.02)

    async def runs() -> bool:
        return bool((await crowd.gateway.read(crowd.http, job))["state"] == "running")

    await eventually_async(runs, within=WITHIN_SECONDS)
    for each in (later, job):
        await crowd.post(f"/v1/jobs/{each}/cancel", json={}, expect={200, 202})
    await crowd.end(job)


async def ask_to_be_called_back(crowd: Crowd) -> None:
    """The end of a job is told to a server that is not always well."""
    await crowd.end(await crowd.submit(callback_url=crowd.hook))


async def talk_nonsense(crowd: Crowd) -> None:
    """A caller repeats himself, sends what is no payload, and has a wrong key."""
    wrong = {"Authorization": "Bearer wm_nobody_nothing"}
    await crowd.post("/v1/jobs", json={"type": "demo.steps"}, headers=wrong, expect={401})
    body = {"type": "demo.steps", "payload": {"steps": "many"}}
    await crowd.post("/v1/jobs", json=body, expect={422})
    same = {"Idempotency-Key": '"busy-the-same"'}
    body = {"type": "demo.steps", "payload": {"steps": 1, "seconds_per_step": 0}}
    await crowd.post("/v1/jobs", json=body, headers=same, expect={200, 202})


async def knock_at_no_door(crowd: Crowd) -> None:
    """A browser asks the notifier for what it does not have."""
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{crowd.house.stream_url}/of-nobody")


SCENES: tuple[Scene, ...] = (
    work_and_be_watched,
    fail_at_first,
    fail_for_good,
    crash,
    poison,
    change_ones_mind,
    ask_to_be_called_back,
    talk_nonsense,
    knock_at_no_door,
)


@contextmanager
def busy(house: House) -> Iterator[None]:
    """Keep a house at work beside what the context does; what went wrong is raised at its end."""
    over = threading.Event()
    with receiver(in_turn(*GRUMPY)) as grumpy, ThreadPoolExecutor(1) as aside:
        work = aside.submit(lambda: asyncio.run(_keep_busy(house, grumpy.url, over)))
        try:
            yield
        finally:
            over.set()
        work.result(timeout=2 * WITHIN_SECONDS)


async def _keep_busy(house: House, hook: str, over: threading.Event) -> None:
    async with Gateway(house.url, house.keys.tenant).client() as http, asyncio.TaskGroup() as group:
        crowd = Crowd(house, http, hook)
        for scene in SCENES:
            group.create_task(_again_and_again(scene, crowd, over))


async def _again_and_again(scene: Scene, crowd: Crowd, over: threading.Event) -> None:
    while not over.is_set():
        await scene(crowd)
        await asyncio.sleep(PAUSE_SECONDS)
