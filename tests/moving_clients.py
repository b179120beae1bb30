"""A watcher that moves when it is asked to: live on the new stream before the old one is left."""

import asyncio
import itertools
import json
import random
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.fakes.stream import Client
from tests.following import FINAL, greet, open_stream, say


class Mover:
    """Follows one job to its end; `urls` are tried in turn, as a load balancer would."""

    def __init__(self, urls: Sequence[str], token: str, job: str) -> None:
        self.client = Client()
        self.moves = 0
        self.losses = 0  # streams that broke before it had left them
        self.refusals = 0
        self._urls = itertools.cycle(urls)
        self._token, self._job = token, job

    async def to_the_end(self) -> None:
        stream = await self._open()
        while not self._ended:
            try:
                message = json.loads(await stream.recv())
            except ConnectionClosed:
                self.losses += 1
                self.client.live = False
                stream = await self._open()
                continue
            self.client.gets(message)
            if message["type"] == "ping":
                await say(stream, type="pong")
            elif message["type"] == "drain":
                await asyncio.sleep(random.uniform(*message["after_ms"]) / 1000)
                stream = await self._move(stream)
        await stream.close()

    async def _move(self, old: ClientConnection) -> ClientConnection:
        self.client.live = False
        stream = await self._open()
        while not self.client.live:
            self.client.gets(json.loads(await stream.recv()))
        self.moves += 1
        await old.close()
        return stream

    async def _open(self) -> ClientConnection:
        while True:
            try:
                stream = await open_stream(next(self._urls))
                await greet(stream, self._token, {"job": self._job, **self.client.cursor})
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                self.refusals += 1
                await asyncio.sleep(0.05)
            else:
                return stream

    @property
    def _ended(self) -> bool:
        history = self.client.history
        return self.client.live and bool(history) and history[-1][1] in FINAL
