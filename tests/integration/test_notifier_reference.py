"""What a real notifier says is what its reference says it says."""

import asyncio
import json
from collections.abc import Callable
from uuid import uuid4

from services.notifier.document import document
from shared.adapters.store_redis import AsyncRedisStore
from tests.following import hear, open_stream, say
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for
from tests.stream_schema import StreamSchema

StartNotifier = Callable[..., NotifierProcess]


async def test_every_frame_on_the_wire_is_as_the_reference_has_it(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url, WAYMARK_PING_SECONDS="0.5")
    store, schema = AsyncRedisStore(redis_url), StreamSchema()
    job, nobodys = MovingJob(store), str(uuid4())
    await job.submit()
    async with open_stream(notifier.url) as stream:

        async def say_and_check(**message: object) -> None:
            schema.check(message)
            await say(stream, **message)

        async def hear_until(kind: str) -> None:
            while True:
                frame = await hear(stream)
                schema.check(frame)
                if frame["type"] == kind:
                    return

        token = token_for([job.id, nobodys], ttl=3)
        wanted = [{"job": job.id}]
        await say_and_check(type="hello", version=1, token=token, subscriptions=wanted)
        await hear_until("live")
        await job.start()
        await job.report()
        await hear_until("progress")
        await job.fail_once()
        await job.start()
        await job.succeed('{"rows":[1,2,"three"]}')
        for _ in range(3):
            await hear_until("transition")
        await say_and_check(type="subscribe", id="a", subscriptions=[{"job": nobodys}])
        await hear_until("error")
        await say_and_check(type="unsubscribe", id=1, subscriptions=wanted)
        await hear_until("ok")
        await hear_until("auth_expiring")
        await say_and_check(type="auth", id=2, token=token_for([job.id]))
        await hear_until("ok")
        await hear_until("ping")
        await say_and_check(type="pong")
        await say_and_check(type="subscribe", id=3, subscriptions=wanted)
        await hear_until("snapshot")
        await say_and_check(type="auth", id=4, token=token_for([], feed=True))
        await hear_until("ok")
        gone = {"feed": True, "epoch": "another", "seq": 7}
        await say_and_check(type="subscribe", id=5, subscriptions=[gone])
        await hear_until("reset")
        await hear_until("live")
        _, served = await asyncio.to_thread(notifier.answer, "/asyncapi.json")
        notifier.terminate()
        await hear_until("drain")
    await store.close()

    assert schema.seen == {
        "hello", "subscribe", "unsubscribe", "auth", "pong", "welcome", "snapshot", "transition",
        "progress", "live", "reset", "ok", "error", "ping", "auth_expiring", "drain",
    }  # fmt: skip
    assert json.loads(served) == document()
