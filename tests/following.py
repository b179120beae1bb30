"""A watcher over a real socket that resumes by cursor until the job is final."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from tests.fakes.stream import Client

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


def open_stream(url: str, headers: Mapping[str, str] | None = None) -> connect:
    return connect(
        url,
        subprotocols=["waymark.v1"],  # type: ignore[list-item]
        compression=None,
        additional_headers=headers,
    )


async def say(stream: ClientConnection, **message: object) -> None:
    await stream.send(json.dumps(message))


async def hear(stream: ClientConnection, within: float = 5.0) -> dict[str, Any]:
    async with asyncio.timeout(within):
        message: dict[str, Any] = json.loads(await stream.recv())
        return message


async def greet(stream: ClientConnection, token: str, *subscriptions: object) -> dict[str, Any]:
    await say(stream, type="hello", version=1, token=token, subscriptions=list(subscriptions))
    welcome = await hear(stream)
    assert welcome["type"] == "welcome", welcome
    return welcome


async def closed_with(stream: ClientConnection, within: float = 10.0) -> int:
    async def to_the_end() -> None:
        while True:
            await stream.recv()

    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(to_the_end(), within)
    assert stream.close_code is not None
    return stream.close_code


async def refused_with(url: str, **headers: str) -> tuple[int, str | None]:
    with pytest.raises(InvalidStatus) as refusal:
        async with open_stream(url, headers):
            pass
    response = refusal.value.response
    return response.status_code, response.headers.get("Retry-After")


class Follower:
    """Follows one job; counts how often it had to connect."""

    def __init__(self, url: str, token: str, job: str) -> None:
        self.client = Client()
        self.connections = 0
        self._url, self._token, self._job = url, token, job

    async def to_the_end(self) -> None:
        while not self._ended:
            try:
                async with open_stream(self._url) as stream:
                    self.connections += 1
                    await greet(stream, self._token, {"job": self._job, **self.client.cursor})
                    while not self._ended:
                        self.client.gets(json.loads(await stream.recv()))
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                await asyncio.sleep(0.05)

    @property
    def _ended(self) -> bool:
        history = self.client.history
        return self.client.live and bool(history) and history[-1][1] in FINAL
