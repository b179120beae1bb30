"""The way out: clients are asked to move before anything breaks."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from shared.adapters.store_redis import AsyncRedisStore
from tests.eventually import eventually_async
from tests.following import closed_with, greet, hear, open_stream, refused_with
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

StartNotifier = Callable[..., NotifierProcess]
JOB = "0190c1f0-0000-7000-8000-000000000001"


async def test_without_clients_a_notifier_is_gone_at_once(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    began = time.monotonic()

    assert await asyncio.to_thread(notifier.stop) == 0

    assert time.monotonic() - began < 2.0


async def test_a_drain_moves_the_clients_before_it_breaks_anything(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    old, new = start_notifier(redis_url), start_notifier(redis_url)
    store = AsyncRedisStore(redis_url)
    job = MovingJob(store)
    await job.submit()
    async with open_stream(old.url) as before:
        await greet(before, token_for([job.id]), {"job": job.id})
        snapshot, _ = await hear(before), await hear(before)
        stopping = asyncio.create_task(asyncio.to_thread(old.stop))
        drain = await hear(before)
        ready = await asyncio.to_thread(old.answer, "/ready")
        turned_away = await refused_with(old.url)
        await job.start()  # while both are open
        missed = await hear(before)
        cursor = {name: snapshot[name] for name in ("epoch", "revision", "step")}
        async with open_stream(new.url) as after:
            await greet(after, token_for([job.id]), {"job": job.id, **cursor})
            resumed = [await hear(after), await hear(after)]
        began = time.monotonic()
        await before.close()

        assert await stopping == 0

    assert time.monotonic() - began < 2.0
    assert drain["type"] == "drain"
    assert 0 == drain["after_ms"][0] <= drain["after_ms"][1] <= drain["grace_ms"] == 5000
    assert ready[0] == 503
    assert json.loads(ready[1])["checks"]["serving"] == "this server goes away"
    assert turned_away == (503, "1")
    assert (missed["state"], missed["step"]) == ("running", 2)
    assert resumed[0] == missed
    assert resumed[1] == {"type": "live", "job": job.id, "recovered": True}
    await store.close()


async def test_who_does_not_move_is_closed_with_4200_at_the_end_of_its_grace(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url, WAYMARK_DRAIN_STAY_SECONDS="0.5")
    async with AsyncExitStack() as everybody:
        streams = [
            await everybody.enter_async_context(open_stream(notifier.url)) for _ in range(50)
        ]
        for stream in streams[:49]:  # the last one never says hello
            await greet(stream, token_for([JOB]))
        stopping = asyncio.create_task(asyncio.to_thread(notifier.stop))
        told = [await hear(stream) for stream in streams[:49]]
        codes = [await closed_with(stream) for stream in streams]

        assert await stopping == 0

    assert {frame["type"] for frame in told} == {"drain"}
    assert set(codes) == {4200}


async def test_newcomers_are_let_in_until_the_load_balancer_knows(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(
        redis_url, WAYMARK_DRAIN_LEAD_SECONDS="1", WAYMARK_DRAIN_STAY_SECONDS="0.5"
    )
    stopping = asyncio.create_task(asyncio.to_thread(notifier.stop))

    async def not_ready() -> bool:
        return (await asyncio.to_thread(notifier.answer, "/ready"))[0] == 503

    await eventually_async(not_ready, within=5)
    async with open_stream(notifier.url) as late:
        await greet(late, token_for([JOB]))
        frame: dict[str, Any] = await hear(late)
        code = await closed_with(late)

    assert (frame["type"], code) == ("drain", 4200)
    assert await stopping == 0


async def test_a_second_signal_ends_it_at_once(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url, WAYMARK_DRAIN_STAY_SECONDS="15")
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([JOB]))
        stopping = asyncio.create_task(asyncio.to_thread(notifier.stop))
        assert (await hear(stream))["type"] == "drain"
        began = time.monotonic()
        notifier.terminate()

        assert await stopping == 0

    assert time.monotonic() - began < 3.0
