"""An ASGI app on a port: uvicorn, set up the same way in every process of the house."""

import asyncio
import contextlib
import os
import resource
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from shared.runtime.front import MOST_CONNECTIONS, Front, bounded

START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 10  # what still runs after it is dropped
Drain = Callable[[Callable[[], bool]], Awaitable[None]]
"""Sees the clients off, with a bound of its own; its argument says whether to hurry."""

IDLE_SECONDS: Final = 75  # longer than clients and proxies keep an idle connection: they end it
MOST_FILES: Final = 131_072  # of one process, where nothing says less
SPARE_FILES: Final = 128  # for Redis, RabbitMQ, logs, and a connection that is turned away
_BACKLOG: Final = 2048  # uvicorn's own

log = structlog.get_logger()


def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    port_setting: str = "the WAYMARK_..._PORT of this service",
    most_connections: int = MOST_CONNECTIONS,
    front: type[Front] = Front,
    drain: Drain | None = None,
    **uvicorn_options: Any,  # noqa: ANN401 - whatever uvicorn.Config takes
) -> None:
    """Serve until SIGTERM or SIGINT, then return; a second signal drops what still runs.

    While `drain` runs everything is served as before, newcomers too.

    The process may open as many files as it is allowed at all; connections leave some of them free.

    Raises:
        SystemExit: status 1; the port cannot be had (one line on stderr) or the app did not start.
    """
    listener = listen(host, port, port_setting=port_setting)
    most = min(most_connections, _open_files() - SPARE_FILES)
    config = _config(app, {"http": bounded(front, most), **uvicorn_options})
    server = _Server(config, drain=drain)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


def _open_files() -> int:
    """Return how many files may be open, after raising that as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft


def listen(host: str, port: int, *, port_setting: str) -> socket.socket:
    """Take the port and return its listening socket; `port_setting` is what an operator changes.

    Raises:
        SystemExit: status 1, after one line on stderr that says what is in the way.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as fault:
        # create_server's own text repeats the address
        known = fault.errno is not None and fault.errno > 0
        why = os.strerror(fault.errno or 0) if known else str(fault)
        sys.stderr.write(f"waymark: cannot listen on {host}:{port} ({why}): set {port_setting}\n")
        sys.exit(1)


class Served:
    """An app served inside a loop that runs already; signals stay the owner's."""

    def __init__(self, app: ASGIApp, listener: socket.socket, **uvicorn_options: Any) -> None:  # noqa: ANN401
        """Describe it; `listener` comes from `listen` and is closed by `stop`."""
        self._server = _Server(_config(app, uvicorn_options), signals=False)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it answers requests.

        Raises:
            TimeoutError: the app did not start within 10 s.
            RuntimeError: the app refused to start; its reason is in the log.
        """
        self._task = asyncio.create_task(self._server.serve([self._listener]), name="served")
        started = asyncio.create_task(self._server.up.wait())
        await asyncio.wait(
            {self._task, started}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not started.done():
            started.cancel()
            if not self._task.done():
                raise TimeoutError
            message = "the app did not start"
            raise RuntimeError(message)

    async def stop(self) -> None:
        """Finish what is being answered, for at most 10 s, and close the port."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_SECONDS + 1)
            self._task.cancel()
        self._listener.close()


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, *, signals: bool = True, drain: Drain | None = None
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self.up = asyncio.Event()
        self._signals = signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn closes every connection at once, and lets the app know only afterwards.
        if self._drain is not None:
            try:
                await self._drain(lambda: self.force_exit)
            except Exception:  # the outermost loop: what is wrong with it must not keep us here
                log.exception("drain_failed")
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals() if self._signals else contextlib.nullcontext():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Unlike uvicorn's: a signal that was obeyed is not raised again, so the status is 0.
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


def _config(app: ASGIApp, options: dict[str, Any]) -> uvicorn.Config:
    ours: dict[str, Any] = {
        "loop": "uvloop",
        "http": Front,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": STOP_SECONDS,
        "timeout_keep_alive": IDLE_SECONDS,
    }
    return uvicorn.Config(app, **(ours | options))
