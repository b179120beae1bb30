"""A load balancer, at its smallest: new connections go where it is told, old ones stay."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

LINE_BYTES = 65_536


class Balancer:
    """Listens on `port` and forwards to `leads_to`."""

    def __init__(self, leads_to: int) -> None:
        self.leads_to = leads_to
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        async with asyncio.TaskGroup() as pipes:
            pipes.create_task(_pipe(reader, to_writer))
            pipes.create_task(_pipe(to_reader, writer))


@contextlib.asynccontextmanager
async def balancing(leads_to: int) -> AsyncIterator[Balancer]:
    balancer = Balancer(leads_to)
    server = await asyncio.start_server(balancer.take, "127.0.0.1", 0)
    balancer.port = server.sockets[0].getsockname()[1]
    try:
        yield balancer
    finally:
        server.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(LINE_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
