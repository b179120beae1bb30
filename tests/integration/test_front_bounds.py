"""Clients at their slowest and greediest: nothing of theirs is kept without a bound."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.runtime import front, serving
from tests.eventually import eventually_async

WITHIN = 5.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n"
LARGE = 20_000_000  # bytes; more than the sockets of both sides hold


class Impatient(front.Front):
    tail_seconds = 0.4
    stuck_seconds = 0.4
    most_connections = 3


class Place:
    """An app that answers without reading bodies, and counts who is inside."""

    def __init__(self) -> None:
        self.port = 0
        self.inside = 0

    async def hello(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def much(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("x" * LARGE)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=4_000_000)


@asynccontextmanager
async def served(**options: object) -> AsyncIterator[Place]:
    place = Place()
    routes = [
        Route("/", place.hello, methods=["GET", "POST"]),
        Route("/much", place.much),
    ]
    app = Starlette(routes=routes)

    async def counted(scope: object, receive: object, send: object) -> None:
        place.inside += 1
        try:
            await app(scope, receive, send)  # type: ignore[arg-type]
        finally:
            place.inside -= 1

    listener = serving.listen("127.0.0.1", 0, port_setting="X")
    place.port = listener.getsockname()[1]
    server = serving.Served(counted, listener, http=Impatient, lifespan="off", **options)
    await server.start()
    try:
        yield place
    finally:
        await server.stop()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer that has a length; return its status line."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WITHIN)
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))
    return head.split(b"\r\n")[0]


async def test_the_rest_of_a_body_after_the_answer_leaves_no_connection_open() -> None:
    async with served(timeout_keep_alive=1) as place:
        reader, writer = await place.open()
        writer.write(POST)
        await answer(reader)
        writer.write(b"8 bytes.")

        assert await asyncio.wait_for(reader.read(), WITHIN) == b""
        writer.close()


async def test_a_body_that_nobody_waits_for_may_not_drip_for_ever() -> None:
    async with served() as place:
        reader, writer = await place.open()
        writer.write(POST.replace(b": 8", b": 8000"))
        await answer(reader)
        began = time.monotonic()

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), WITHIN)
        dripping.cancel()

        assert time.monotonic() - began < 5 * Impatient.tail_seconds
        writer.close()


async def test_a_connection_is_used_again_after_a_body_that_nobody_read() -> None:
    async with served() as place:
        reader, writer = await place.open()
        for _ in range(3):
            writer.write(POST)
            await answer(reader)
            writer.write(b"8 bytes.")

        assert not reader.at_eof()
        writer.close()


async def test_pipelined_requests_are_answered_in_order_up_to_a_bound() -> None:
    async with served() as place:
        reader, writer = await place.open()
        writer.write(GET * front.MOST_PIPELINED)
        found = [await answer(reader) for _ in range(front.MOST_PIPELINED)]
        writer.write(GET * 10 * front.MOST_PIPELINED)
        try:
            rest = await asyncio.wait_for(reader.read(), WITHIN)
        except ConnectionError:
            rest = b""

        assert found == [b"HTTP/1.1 200 OK"] * front.MOST_PIPELINED
        assert rest.count(b"HTTP/1.1") <= front.MOST_PIPELINED
        writer.close()


async def test_a_client_that_reads_nothing_does_not_keep_its_request() -> None:
    async with served() as place:
        _, writer = await place.open()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(GET.replace(b"/ ", b"/much ") * 3)

        async def has_left() -> bool:
            return place.inside == 0

        await eventually_async(lambda: asyncio.sleep(0, place.inside > 0))
        await eventually_async(has_left)
        writer.close()


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    async with served() as place:
        reader, writer = await place.open()
        writer.write(GET.replace(b"/ ", b"/much ") * 2)
        got = 0
        began = time.monotonic()
        while got < 2 * LARGE and (some := await reader.read(LARGE)):
            got += len(some)
            await asyncio.sleep(0.3)

        assert got >= 2 * LARGE
        assert time.monotonic() - began > 3 * Impatient.stuck_seconds
        writer.close()


async def test_one_connection_too_many_is_told_to_come_again() -> None:
    async with served() as place:
        kept = [await place.open() for _ in range(Impatient.most_connections)]
        for reader, writer in kept:
            writer.write(GET)
            await answer(reader)
        reader, writer = await place.open()
        writer.write(GET)
        head, _, body = (await asyncio.wait_for(reader.read(), WITHIN)).partition(b"\r\n\r\n")
        for _, each in kept:
            each.close()
            await each.wait_closed()

        problem = json.loads(body)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in head
        assert (problem["code"], problem["retryable"]) == ("too-many-connections", True)
        reader, again = await place.open()
        again.write(GET)
        assert await answer(reader) == b"HTTP/1.1 200 OK"
        for each in (writer, again):
            each.close()
