"""A real notifier on a real Redis: outages, expiry, liveness, walls and the way out."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection

from shared.adapters.store_redis import AsyncRedisStore
from tests.eventually import eventually_async
from tests.fakes.stream import Client
from tests.following import greet, hear, open_stream, say
from tests.moving_jobs import MovingJob
from tests.nodes import Redis
from tests.notifier_process import ROOT, NotifierProcess, token_for

StartNotifier = Callable[..., NotifierProcess]


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


async def becomes(notifier: NotifierProcess, status: int) -> str:
    async def it_is() -> str:
        got, body = await asyncio.to_thread(notifier.answer, "/ready")
        assert got == status
        return body

    return await eventually_async(it_is, within=15)


async def test_a_job_is_followed_from_submit_to_result(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    job = MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job.id]), {"job": job.id})
        snapshot, live = await hear(stream), await hear(stream)
        await job.start()
        await job.report()
        await job.succeed('{"rows":5}')
        started, progress, ended = [await hear(stream) for _ in range(3)]

    assert (snapshot["type"], snapshot["state"], snapshot["step"]) == ("snapshot", "queued", 1)
    assert live == {"type": "live", "job": job.id, "recovered": False}
    assert (started["type"], started["state"], started["step"]) == ("transition", "running", 2)
    assert progress["progress"]["current"] == 1
    assert (ended["state"], ended["step"], ended["result"]) == ("succeeded", 3, {"rows": 5})


async def test_a_client_that_comes_back_gets_only_what_it_missed(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    job = MovingJob(store)
    await job.submit()
    record = await job.record()
    await job.start()
    await job.succeed('{"rows":5}')
    cursor = {"epoch": record.epoch, "revision": 1, "step": 1}
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job.id]), {"job": job.id, **cursor})
        frames = [await hear(stream) for _ in range(3)]

    assert [frame.get("step") for frame in frames] == [2, 3, None]
    assert frames[1]["result"] == {"rows": 5}
    assert frames[2] == {"type": "live", "job": job.id, "recovered": True}


async def test_it_starts_without_redis_and_serves_when_it_comes(
    new_redis: Callable[[], Redis], start_notifier: StartNotifier
) -> None:
    node = new_redis()
    node.stop()
    notifier = start_notifier(node.url)
    body = await becomes(notifier, 503)
    assert json.loads(body)["ready"] is False
    assert (await asyncio.to_thread(notifier.answer, "/live"))[0] == 200
    job_id = str(uuid4())

    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job_id]))
        await say(stream, type="subscribe", id=1, subscriptions=[{"job": job_id}])
        refusal = await hear(stream, within=9)
        await asyncio.to_thread(node.start)
        await becomes(notifier, 200)
        await say(stream, type="subscribe", id=2, subscriptions=[{"job": job_id}])
        answer = await hear(stream, within=9)

    assert (refusal["type"], refusal["id"], refusal["code"]) == ("error", 1, "store-unavailable")
    assert (answer["id"], answer["code"]) == (2, "job-not-found")


async def test_watchers_are_kept_through_an_outage_of_redis_and_miss_nothing(
    new_redis: Callable[[], Redis], start_notifier: StartNotifier
) -> None:
    node = new_redis()
    notifier, store = start_notifier(node.url), AsyncRedisStore(node.url)
    job = MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job.id]), {"job": job.id})
        first = await hear(stream)
        await hear(stream)

        await asyncio.to_thread(node.stop)
        await becomes(notifier, 503)
        await asyncio.to_thread(node.start)
        await becomes(notifier, 200)
        again = await hear(stream, within=15)  # a restart is a new epoch: the whole anew
        live = await hear(stream)

    assert first["type"] == again["type"] == "snapshot"
    assert again["history"] == first["history"]
    assert again["epoch"] != first["epoch"]
    assert live["recovered"] is False
    await store.close()


async def test_tenants_are_walls(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    theirs = MovingJob(store, "globex")
    await theirs.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([theirs.id], tenant="acme", feed=True))
        await say(stream, type="subscribe", id=1, subscriptions=[{"job": theirs.id}])
        foreign = await hear(stream)
        nobodys = str(uuid4())
        await say(stream, type="subscribe", id=1, subscriptions=[{"job": nobodys}])
        unknown = await hear(stream)

    assert foreign["code"] == "job-not-found"
    assert json.dumps(foreign).replace(theirs.id, "") == json.dumps(unknown).replace(nobodys, "")


async def test_a_watcher_that_does_not_read_is_cut_off_and_harms_nobody(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    job = MovingJob(store)
    await job.submit()
    await job.start()
    await job.succeed(json.dumps("x" * 250_000))
    async with open_stream(notifier.url) as good, open_stream(notifier.url) as slow:
        await greet(good, token_for([job.id]))
        slow.transport.pause_reading()
        wire = slow.transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await say(slow, type="hello", version=1, token=token_for([job.id]))
        for number in range(60):
            again = [{"job": job.id}]
            await say(slow, type="subscribe", id=number, subscriptions=again)

        async def it_is_counted() -> bool:
            _, text = await asyncio.to_thread(notifier.answer, "/metrics")
            return 'waymark_notifier_closes_total{code="4201"} 1.0' in text

        await eventually_async(it_is_counted, within=20)
        await say(good, type="subscribe", id=1, subscriptions=[{"job": job.id}])
        assert (await hear(good))["type"] == "snapshot"
        slow.transport.abort()


def test_a_missing_setting_is_one_clear_line() -> None:
    environment = {name: value for name, value in os.environ.items() if "WAYMARK" not in name}

    ended = subprocess.run(
        [sys.executable, "-m", "services.notifier"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert ended.returncode == 2
    assert ended.stderr == "waymark: WAYMARK_TOKEN_SECRET: Field required\n"


async def test_subscribing_at_any_moment_of_a_fast_job_shows_each_step_once(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    jobs = [MovingJob(store) for _ in range(60)]
    for job in jobs:
        await job.submit()
    clients = {job.id: Client() for job in jobs}

    async def live_fast(job: MovingJob) -> None:
        await job.start()
        await job.report()
        await job.fail_once()
        await job.start()
        await job.succeed()

    async def subscribe_late(stream: ClientConnection, job: MovingJob, after: float) -> None:
        await asyncio.sleep(after)
        await say(stream, type="subscribe", id=job.id, subscriptions=[{"job": job.id}])

    async with open_stream(notifier.url) as stream, asyncio.TaskGroup() as tasks:
        await greet(stream, token_for(clients))
        for number, job in enumerate(jobs):
            tasks.create_task(live_fast(job))
            tasks.create_task(subscribe_late(stream, job, number * 0.002))
        while not all(client.step == 5 for client in clients.values()):
            message = await hear(stream)
            if message["type"] != "ok":
                clients[message["job"]].gets(message)

    assert [client.breaches for client in clients.values() if client.breaches] == []
    assert {client.snapshots for client in clients.values()} == {1}
    lives = {tuple(state for _, state in client.history) for client in clients.values()}
    assert lives == {("queued", "running", "retrying", "running", "succeeded")}
