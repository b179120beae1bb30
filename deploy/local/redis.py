"""A private Redis as an ordinary process: append-only file, every second, no eviction."""

import os
import shutil
import socket
from pathlib import Path

from deploy.local.deadline import holds
from deploy.local.errors import HouseError, NotReadyError
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Process

BOOT_SECONDS = 20.0  # measured 0.1 s; a long append-only file takes longer
STOP_SECONDS = 10.0
ANSWER_SECONDS = 1.0


class RedisNode:
    """One redis-server in a folder of its own; the port stays the same across restarts."""

    def __init__(self, folder: Path, *, port: int | None = None, run: Path | None = None) -> None:
        """Describe it; nothing starts and no file is written."""
        self.folder = folder
        self.port = port or free_port()
        self.process = Process("redis", run=run or folder, log=folder / "redis.log")

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process id, None while it is down."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives; a frozen one lives too."""
        return self.process.is_running

    def start(self, within: float = BOOT_SECONDS) -> None:
        """Start it, if it is down, and return when it has loaded its data.

        Raises:
            HouseError: redis-server is missing.
            NotReadyError: it died or does not answer after `within` seconds.
        """
        if not self.is_running:
            self._data.mkdir(parents=True, exist_ok=True)
            self.process.start(self._command(), env=os.environ, cwd=self._data)
        holds(lambda: self.answers() or not self.is_running, within=within)
        if not self.answers():
            message = f"redis did not start: {self.process.last_words()}"
            raise NotReadyError(message)

    def stop(self, within: float = STOP_SECONDS) -> None:
        """End it cleanly: the append-only file is written out."""
        self.process.stop(within=within)

    def kill(self) -> None:
        """End it as a power cut of this process would (SIGKILL)."""
        self.process.kill()

    def freeze(self) -> None:
        """Stop it in mid-step (SIGSTOP)."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.process.thaw()

    def wipe(self) -> None:
        """End it and forget everything."""
        self.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def answers(self) -> bool:
        """Tell whether it serves commands now (loading its data is not serving)."""
        return command(self.port, "PING") == "+PONG"

    def flush(self) -> None:
        """Empty it, keeping the process.

        Raises:
            HouseError: it does not answer.
        """
        if command(self.port, "FLUSHALL") != "+OK":
            message = f"redis on port {self.port} does not answer"
            raise HouseError(message)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _command(self) -> list[str]:
        server = shutil.which("redis-server") or shutil.which("valkey-server")
        if server is None:
            message = "redis-server is not installed"
            raise HouseError(message)
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": str(self._data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            # Why these three: docs/runbooks/redis-memory.md
            "stream-node-max-bytes": "1024",
            "rdbcompression": "no",
            "auto-aof-rewrite-min-size": "128mb",  # loaded in 4 s
            "daemonize": "no",
        }
        return [server, *(word for key, value in settings.items() for word in (f"--{key}", value))]


def command(port: int, line: str) -> str:
    """Send one inline command to a local Redis; return the first line, "" when it is silent."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(f"{line}\r\n".encode())
            with connection.makefile() as answer:
                return answer.readline().strip()
    except OSError:
        return ""
