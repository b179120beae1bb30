"""A gateway on fakes behind a real socket, with an express clerk that counts what he takes."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from services.gateway.express.front import Answer, Clerk, ExpressFront, RawHeader
from shared.runtime import serving
from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway

WITHIN = 10.0  # seconds


class ReadingFront(ExpressFront):
    """Counts what it was given to read, over all connections."""

    reads: ClassVar[int] = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        type(self).reads += 1


class CountingClerk:
    """Takes what another clerk takes."""

    def __init__(self, clerk: Clerk) -> None:
        self.taken = 0
        self.mistake: Exception | None = None
        self._clerk = clerk

    @property
    def target(self) -> bytes:
        return self._clerk.target

    def take(self, headers: Sequence[RawHeader], body: bytes, answer: Answer) -> bool:
        if self.mistake is not None:
            raise self.mistake
        taken = self._clerk.take(headers, body, answer)
        self.taken += taken
        return taken


@dataclass
class Reply:
    """One answer off the wire; headers in the order they came."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


@dataclass
class Line:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    front: type["ReadingFront"]

    async def reply(self) -> Reply:
        async with asyncio.timeout(WITHIN):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = [(n, v) for n, _, v in (line.partition(": ") for line in head[1:] if line)]
            length = int(dict(headers).get("content-length", 0))
            body = await self.reader.readexactly(length)
        return Reply(int(head[0].split(" ")[1]), headers, body)

    async def ask(self, *parts: bytes) -> Reply:
        """Send a request in so many writes."""
        for part in parts:
            before = self.front.reads
            self.writer.write(part)
            await self._read_since(before)
        return await self.reply()

    async def _read_since(self, before: int) -> None:
        """Return when the other side has read: or the kernel would join two writes."""
        await eventually_async(lambda: holds(self.front.reads > before))

    async def ends(self) -> bool:
        """Whether the other side hangs up."""
        async with asyncio.timeout(WITHIN):
            return await self.reader.read() == b""


@dataclass
class House:
    """The gateway, its port and its clerk."""

    gateway: FakeGateway
    clerk: CountingClerk
    served: serving.Served
    port: int
    front: type["ReadingFront"]
    _lines: list[Line] = field(default_factory=list)

    async def line(self) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port), self.front)
        self._lines.append(line)
        return line

    def hang_up(self) -> None:
        for line in self._lines:
            line.writer.close()


@asynccontextmanager
async def house(gateway: FakeGateway, **options: Any) -> AsyncIterator[House]:
    """Serve a gateway and hang up at the end."""
    clerk = CountingClerk(clerk_of(gateway))
    listener = serving.listen("127.0.0.1", 0, port_setting="X")
    front = type("Here", (ReadingFront,), {"clerk": clerk, "reads": 0})
    served = serving.Served(gateway.gateway.app, listener, http=front, lifespan="off", **options)
    await served.start()
    one = House(gateway, clerk, served, listener.getsockname()[1], front)
    try:
        yield one
    finally:
        one.hang_up()
        await served.stop()


def clerk_of(gateway: FakeGateway) -> Clerk:
    clerk: Clerk = gateway.gateway.front.clerk  # type: ignore[attr-defined]
    return clerk


def request(
    body: bytes, *headers: str, key: str = "dev", method: str = "POST", version: str = "1.1"
) -> bytes:
    """Return the bytes of a submit with the API key `key`."""
    head = [
        f"{method} /v1/jobs HTTP/{version}", "host: api.test",
        f"authorization: Bearer wm_{key}_{key}-secret", "content-type: application/json",
        *headers,
    ]  # fmt: skip
    if not any(one.lower().startswith("transfer-encoding") for one in headers):
        head.append(f"content-length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


_CHANGING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<job>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "<token>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<request>"),
    (re.compile(r'"[0-9a-f]{8}-(\d+-\d+)"'), r'"<epoch>-\1"'),
    (re.compile(r'"tenant";r=\d+;t=\d+'), '"tenant";r=<left>'),
)


def settled(text: str) -> str:
    """Return a text without what differs from one request to the next."""
    for pattern, word in _CHANGING:
        text = pattern.sub(word, text)
    return text


def counts(gateway: FakeGateway) -> dict[str, float]:
    """Return what was counted, but for the time that it took."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for metric in gateway.metrics.registry.collect()
        for sample in metric.samples
        if sample.name.endswith(("_total", "_count"))
    }


async def holds(fact: bool) -> bool:
    """Return it, for `eventually_async`."""
    return fact
