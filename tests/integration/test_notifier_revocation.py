"""A revoked API key takes its browser tokens with it, on every notifier."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from shared.adapters.store_redis import AsyncRedisStore, RedisKeyBook
from shared.contracts.api_keys import StoredKey
from tests.following import closed_with, greet, hear, open_stream, say
from tests.moving_jobs import MovingJob
from tests.nodes import Redis
from tests.notifier_process import NotifierProcess, token_for

StartNotifier = Callable[..., NotifierProcess]
JOB = "0190c1f0-0000-7000-8000-000000000001"


@pytest.fixture
async def book(redis_url: str) -> AsyncIterator[RedisKeyBook]:
    it = RedisKeyBook(redis_url, deadline=2.0)
    yield it
    await it.close()


def a_key(id_: str, *, revoked_at: int | None = None) -> StoredKey:
    return StoredKey(
        id=id_, tenant="acme", scopes=("read",), name="", secrets=(), created_at=1, created_by="",
        revoked_at=revoked_at,
    )  # fmt: skip


async def write(book: RedisKeyBook, key: StoredKey) -> None:
    assert await book.put(key, version=await book.version()) == "done"


async def hello_with(stream: ClientConnection, token: str) -> None:
    await say(stream, type="hello", version=1, token=token)


async def test_a_revoked_key_closes_its_streams_on_every_notifier_and_lets_none_in(
    redis_url: str, start_notifier: StartNotifier, book: RedisKeyBook
) -> None:
    notifiers = [start_notifier(redis_url) for _ in range(2)]
    leaked, good = f"k{uuid4().hex[:8]}", f"k{uuid4().hex[:8]}"
    await write(book, a_key(leaked))
    await write(book, a_key(good))
    async with AsyncExitStack() as everybody:
        theirs: list[ClientConnection] = []
        ours: list[ClientConnection] = []
        for notifier in notifiers:
            for key, streams in ((leaked, theirs), (good, ours)):
                stream = await everybody.enter_async_context(open_stream(notifier.url))
                await greet(stream, token_for([JOB], key=key))
                streams.append(stream)
        revoked_at = time.monotonic()
        await write(book, a_key(leaked, revoked_at=1))

        assert [await closed_with(stream) for stream in theirs] == [4007, 4007]
        assert time.monotonic() - revoked_at < 2.5
        for stream in ours:
            await say(stream, type="subscribe", id=1, subscriptions=[])
            assert await hear(stream) == {"type": "ok", "id": 1}
        await say(ours[0], type="auth", id=2, token=token_for([JOB], key=leaked))
        assert await closed_with(ours[0]) == 4007
        async with open_stream(notifiers[0].url) as stream:
            await hello_with(stream, token_for([JOB], key=leaked))
            assert await closed_with(stream) == 4007


async def test_a_revoked_key_ends_its_server_sent_events_and_gets_401(
    redis_url: str, start_notifier: StartNotifier, book: RedisKeyBook
) -> None:
    notifier, store = start_notifier(redis_url), AsyncRedisStore(redis_url)
    leaked, job = f"k{uuid4().hex[:8]}", MovingJob(store)
    await job.submit()
    await write(book, a_key(leaked))
    address = f"http://127.0.0.1:{notifier.port}/v1/jobs/{job.id}/events"
    headers = {"authorization": f"Bearer {token_for([job.id], key=leaked)}"}
    async with httpx.AsyncClient(timeout=10) as client:
        async with client.stream("GET", address, headers=headers) as events:
            assert events.status_code == 200
            await write(book, a_key(leaked, revoked_at=1))
            async with asyncio.timeout(5):
                async for _ in events.aiter_lines():
                    pass
        again = await client.get(address, headers=headers)

    assert (again.status_code, again.json()["code"]) == (401, "token-revoked")
    await store.close()


async def test_a_revocation_during_an_outage_is_heard_of_when_redis_is_back(
    new_redis: Callable[[], Redis], start_notifier: StartNotifier
) -> None:
    node = new_redis()
    notifier, book = start_notifier(node.url), RedisKeyBook(node.url, deadline=5.0)
    await write(book, a_key("leaked"))
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([JOB], key="leaked"))
        notifier.freeze()  # whatever is told meanwhile goes past it
        await write(book, a_key("leaked", revoked_at=1))
        await asyncio.to_thread(node.stop)
        notifier.thaw()
        await asyncio.to_thread(node.start)

        assert await closed_with(stream, within=15) == 4007
    await book.close()
