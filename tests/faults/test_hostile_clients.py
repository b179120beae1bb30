"""Ten thousand idle connections, and hundreds that drip: bounded, and nobody else notices."""

import asyncio
import resource
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from shared.runtime.front import HEAD_SECONDS
from tests.eventually import eventually_async
from tests.faults.stage import Stage
from tests.faults.test_gateway_faults import knock

pytestmark = pytest.mark.slow

IDLE = 10_000
SLOW = 400  # of each kind
MEMORY_PER_CONNECTION = 25_000  # bytes
SLOWEST_SECONDS = 1.0  # of a submit, p99, on two busy cores
DRIP_SECONDS = 0.5
MORE_FILES = 1_000


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Let this process open so many files for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"ulimit -Hn is {hard}: it takes {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def idle(stage: Stage) -> Iterator[list[socket.socket]]:
    """Connections that said one thing and then nothing more."""
    port = stage.house.service("gateway").port
    with many_files(IDLE + MORE_FILES):
        connections: list[socket.socket] = []
        try:
            while len(connections) < IDLE:
                connections.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            yield connections
        finally:
            for each in connections:
                each.close()


def pid_of(stage: Stage) -> int:
    pid = stage.house.service("gateway").pid
    assert pid is not None
    return pid


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def submits(http: httpx.AsyncClient, count: int = 200) -> list[float]:
    """Submit one after the other; return how long each took. Every one has to be accepted."""
    took = []
    for _ in range(count):
        answer, seconds = await knock(http)
        assert answer.status_code == 202, answer.text
        took.append(seconds)
    return took


def p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[-1]


@pytest.fixture
def before(stage: Stage) -> tuple[int, int]:
    """Memory and open files of the gateway, before anybody comes."""
    return resident(pid_of(stage)), open_files(pid_of(stage))


async def test_ten_thousand_idle_connections_cost_little_and_are_closed(
    stage: Stage,
    http: httpx.AsyncClient,
    before: tuple[int, int],
    idle: list[socket.socket],
) -> None:
    memory, files = before
    pid = pid_of(stage)
    held = open_files(pid) - files
    took = await submits(http)
    grown = resident(pid) - memory
    print(f"{grown // IDLE} bytes a connection; p99 of a submit {p99(took):.3f} s")

    assert held > 0.9 * IDLE  # or this shows nothing
    assert grown < IDLE * MEMORY_PER_CONNECTION
    assert p99(took) < SLOWEST_SECONDS

    async def all_closed() -> bool:
        left = open_files(pid) - files
        assert left < MORE_FILES, left
        return True

    assert await eventually_async(all_closed, within=2 * HEAD_SECONDS + 15)
    assert pid_of(stage) == pid


@asynccontextmanager
async def dripping(
    port: int | None, begun: bytes, drip: bytes
) -> AsyncIterator[list[asyncio.Task[float]]]:
    """Keep slow connections open; each task returns after how many seconds it was hung up on."""

    async def one() -> float:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        told = asyncio.create_task(reader.read())
        while not told.done():
            writer.write(drip)
            await asyncio.wait({told}, timeout=DRIP_SECONDS)
        told.exception()  # a connection that was reset is cut off as well
        writer.close()
        return time.monotonic() - began

    tasks = [asyncio.create_task(one()) for _ in range(SLOW)]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


async def test_heads_and_bodies_that_drip_are_cut_off_and_nobody_else_waits(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    service = stage.house.service("gateway")
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\n"
    who = f"Authorization: Bearer {stage.house.keys.tenant}\r\n".encode()
    body = head + who + b"Content-Type: application/json\r\nContent-Length: 99999\r\n\r\n{"
    stranger = head + b"Content-Length: 99999\r\n\r\n{"
    async with (
        dripping(service.port, head, b"X: y\r\n") as heads,
        dripping(service.port, body, b" ") as bodies,
        dripping(service.port, stranger, b" ") as strangers,
    ):
        took = await submits(http)
        lasted = await asyncio.wait_for(asyncio.gather(*heads, *bodies, *strangers), 60)

    assert p99(took) < SLOWEST_SECONDS
    assert max(lasted) < HEAD_SECONDS + 10
    assert min(lasted) > HEAD_SECONDS - 2  # or this shows nothing
