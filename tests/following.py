"""A watcher over a real socket that resumes by cursor until the job is final."""

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.fakes.stream import Client

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


def open_stream(url: str) -> connect:
    return connect(url, subprotocols=["waymark.v1"], compression=None)  # type: ignore[list-item]


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
