"""CPU of one event to many local sockets: the notifier's way beside Starlette's `send_text`.

`python -m tests.bench.fanout [sockets] [events]`: both servers run in processes of their own, one
after the other, on the same machine in the same run; the ratio is what counts. The client reads
without parsing. CPU is the server process's own, user and system, over all deliveries.
"""

import asyncio
import base64
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from services.notifier.bounds import Bounds
from services.notifier.hub import Hub
from services.notifier.protocol import StreamConnection
from services.notifier.rules import Admission, Rules
from shared.contracts.answers import Position, Step
from shared.contracts.lifecycle import State
from shared.contracts.tokens import Grant
from shared.ports import FeedMessage
from tests.fakes.feed import FakeFeed

ROOT = Path(__file__).parents[2]
JOB = "0190c1f0-0000-7000-8000-000000000001"
HZ = 20
MASK = b"\0\0\0\0"


def event(step: int) -> str:
    return (
        f'{{"type":"transition","job":"{JOB}","epoch":"8b592835","seq":{step},"revision":{step},'
        f'"step":{step},"state":"running","at":"2026-11-20T23:42:37.901Z","attempt":{step}}}'
    )


class OneJob:
    """A store that knows one job, at its first step."""

    async def do(self, _operation: object) -> Position:
        first = Step(step=1, state=State.QUEUED, at=1, frame=event(1))
        return Position(
            epoch="8b592835", seq=1, revision=1, step=1, state=State.QUEUED, attempt=0,
            progress=None, result=None, error=None, steps=(first,),
        )  # fmt: skip


def notifier() -> tuple[Starlette, dict[str, object], Callable[[int], Awaitable[None]]]:
    feed = FakeFeed()
    grant = Grant(tenant="acme", jobs=frozenset({JOB}), expires_at=2_000_000_000)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Hub]]:
        hub = Hub(
            OneJob(), feed,  # type: ignore[arg-type]
            admit=lambda _: Admission(grant, 1e6), rules=Rules(), bounds=Bounds(), origins=(),
        )  # fmt: skip
        await hub.start()
        yield {"hub": hub}
        await hub.close()

    async def tell(number: int) -> None:
        step = number + 2
        feed.publish(
            FeedMessage(
                tenant="acme", epoch="8b592835", seq=step, job=JOB, revision=step, step=step,
                transition=True, frame=event(step).encode(),
            )
        )  # fmt: skip

    return Starlette(lifespan=lifespan), {"ws": StreamConnection}, tell


def starlette() -> tuple[Starlette, dict[str, object], Callable[[int], Awaitable[None]]]:
    sockets: set[WebSocket] = set()

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept(subprotocol="waymark.v1")
        await websocket.receive_text()
        sockets.add(websocket)
        for _ in range(3):
            await websocket.send_text("{}")
        try:
            await websocket.receive_text()
        except WebSocketDisconnect:
            sockets.discard(websocket)

    async def tell(number: int) -> None:
        text = event(number + 2)
        for websocket in list(sockets):
            await websocket.send_text(text)

    app = Starlette(routes=[WebSocketRoute("/v1/stream", endpoint)])
    return app, {"ws_per_message_deflate": False, "ws_ping_interval": None}, tell


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


async def serve(which: str, listener: socket.socket, sockets: int, events: int) -> None:
    """Serve until `sockets` have come, tell them `events`, print what it cost."""
    app, options, tell = {"notifier": notifier, "starlette": starlette}[which]()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            log_level="error",
            access_log=False,
            **options,  # type: ignore[arg-type]
        )
    )
    running = asyncio.create_task(server.serve([listener]))
    empty = rss_kib()
    while not Path(sys.argv[-1]).exists():  # noqa: ASYNC110, ASYNC240 - a file is the simplest signal
        await asyncio.sleep(0.05)
    full = rss_kib()
    before = cpu()
    for number in range(events):
        await tell(number)
        await asyncio.sleep(1 / HZ)
    spent = cpu() - before
    cost = {"us": spent / (sockets * events) * 1e6, "kib": (full - empty) / sockets}
    print(json.dumps(cost), flush=True)
    assert not running.done()
    os._exit(0)  # the sockets are the client's to close


class Drain(asyncio.Protocol):
    """Says hello, then counts bytes."""

    count = 0
    ready = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(  # type: ignore[attr-defined]
            f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: waymark.v1\r\n\r\n".encode()
        )
        self.frames = -1

    def data_received(self, data: bytes) -> None:
        if self.frames < 0:
            self.frames = 0
            hello = json.dumps(
                {"type": "hello", "version": 1, "token": "t", "subscriptions": [{"job": JOB}]}
            ).encode()
            head = b"\x81" + bytes([0x80 | 126]) + len(hello).to_bytes(2, "big")
            self.transport.write(head + MASK + hello)  # type: ignore[attr-defined]
            Drain.ready += 1
        else:
            Drain.count += data.count(b'"transition"')


async def drain(port: int, sockets: int, events: int, flag: Path) -> int:
    loop = asyncio.get_running_loop()
    for _ in range(sockets):
        await loop.create_connection(Drain, "127.0.0.1", port)
    while Drain.ready < sockets:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    flag.touch()  # noqa: ASYNC240
    deadline = time.monotonic() + events / HZ * 4 + 20
    while Drain.count < sockets * events and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return Drain.count


def measure(which: str, sockets: int, events: int) -> dict[str, float]:
    flag = Path(f"/tmp/fanout-{os.getpid()}-{which}")
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port = listener.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, str(sockets), str(events), which,
         str(listener.fileno()), str(flag)],
        pass_fds=[listener.fileno()], stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    listener.close()
    Drain.count = Drain.ready = 0
    got = asyncio.run(drain(port, sockets, events, flag))
    out, _ = server.communicate(timeout=60)
    flag.unlink(missing_ok=True)
    answer: dict[str, float] = json.loads(out.splitlines()[-1])
    assert got == sockets * events, (which, got)
    return answer


def main() -> None:
    sockets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    if len(sys.argv) > 3:
        listener = socket.socket(fileno=int(sys.argv[4]))
        asyncio.run(serve(sys.argv[3], listener, sockets, events))
        return
    for which in ("starlette", "notifier", "starlette", "notifier"):
        cost = measure(which, sockets, events)
        print(
            f"{which:10} {cost['us']:6.1f} µs CPU a delivery  {cost['kib']:6.1f} KiB a connection"
        )


if __name__ == "__main__":
    main()
