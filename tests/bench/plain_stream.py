"""What a team writes first: Starlette and redis-py, as their docs have it.

`/v1/stream`: one pub/sub connection, and `send_text` to each watcher in turn. `/v1/poll`: the
tutorial's loop, which asks Redis once a second. `uvicorn tests.bench.plain_stream:app`.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# Without a pool that waits, 2,000 loops that ask at once are refused from the hundredth on.
pool = BlockingConnectionPool.from_url(
    os.environ.get("PEER_REDIS_URL", "redis://127.0.0.1"), decode_responses=True
)
redis: Any = Redis(connection_pool=pool)
watchers: dict[str, set[WebSocket]] = defaultdict(set)


async def forward() -> None:
    pubsub = redis.pubsub()
    await pubsub.psubscribe("job:*")
    async for message in pubsub.listen():
        if message["type"] != "pmessage":
            continue
        text, job = message["data"], message["channel"][4:]
        for websocket in list(watchers[job]):
            try:
                await websocket.send_text(text)
            except (WebSocketDisconnect, RuntimeError):
                watchers[job].discard(websocket)


async def subscribed(websocket: WebSocket) -> str:
    await websocket.accept(subprotocol="waymark.v1")
    hello = json.loads(await websocket.receive_text())
    return str(hello["subscriptions"][0]["job"])


async def stream(websocket: WebSocket) -> None:
    job = await subscribed(websocket)
    watchers[job].add(websocket)
    try:
        known = await redis.get(f"job:{job}")
        await websocket.send_text(known or '{"type":"snapshot"}')
        await websocket.send_text('{"type":"live"}')
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        watchers[job].discard(websocket)


async def poll(websocket: WebSocket) -> None:
    job, told = await subscribed(websocket), ""
    await websocket.send_text('{"type":"live"}')
    try:
        while True:
            known = await redis.get(f"job:{job}")
            if known and known != told:
                told = known
                await websocket.send_text(known)
            await asyncio.sleep(1)
    except WebSocketDisconnect:
        return


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    forwarding = asyncio.create_task(forward())
    yield
    forwarding.cancel()


app = Starlette(
    routes=[WebSocketRoute("/v1/stream", stream), WebSocketRoute("/v1/poll", poll)],
    lifespan=lifespan,
)
