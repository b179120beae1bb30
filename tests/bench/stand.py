"""What the races run on: private nodes, one gateway process, one process per peer.

Everything that works during a round is asked for its processor time before and after, so that a
ratio can be told from a machine that was busy with something else.
"""

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from pika.exceptions import ChannelClosedByBroker

from deploy.local.ports import free_port
from deploy.local.rabbitmq import RabbitNode
from deploy.local.redis import RedisNode
from shared.adapters.store_redis import RedisRegistry
from tests.bench.load import Plan, drive
from tests.eventually import eventually
from tests.fakes.registry import a_worker, an_entry
from tests.integration.gateway_running import ROOT, Broker, RunningGateway

PEERS_PYTHON: Final = ROOT / ".venv-bench" / "bin" / "python"
TYPE: Final = "bench.profile"
SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "properties": {
        "source": {"type": "string", "maxLength": 1000},
        "delimiter": {"type": "string", "maxLength": 1},
        "limit": {"type": "integer", "minimum": 1},
    },
    "required": ["source", "delimiter", "limit"],
    "additionalProperties": False,
}
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_QUEUES: Final = ("waymark.default", "celery", "default")


class Stand:
    """Nodes and servers, up and ready; queues and records are emptied before each round."""

    def __init__(self, folder: Path, hold: ExitStack) -> None:
        self._folder = folder
        self._rabbit = RabbitNode(folder / "rabbitmq")
        self._redis = RedisNode(folder / "redis")
        hold.callback(self._rabbit.wipe)
        hold.callback(self._redis.wipe)
        self._rabbit.start()
        self._redis.start()
        urls = {"redis_url": self._redis.url, "amqp_url": self._rabbit.url}
        self._gateway = RunningGateway(folder / "gateway", **urls)
        Broker(self._rabbit.url).serve()
        self._gateway.start()
        hold.callback(self._gateway.kill)
        asyncio.run(self._announce())
        asyncio.run(self._gateway.until_ready())
        self.port = self._gateway.port
        self._hold = hold
        self._processes = {
            "server": self._gateway.pid,
            "redis": self._redis.pid,
            "rabbitmq": self._rabbit.pid,
        }

    def peer(self, module: str) -> tuple[int, int]:
        """Start a peer; return its port and its process id."""
        port = free_port()
        command = [str(PEERS_PYTHON), "-m", "uvicorn", f"{module}:app", "--port", str(port)]
        quiet = ["--no-access-log", "--log-level", "warning", "--app-dir", "tests/bench/peers"]
        env = {
            "PATH": os.environ["PATH"],
            "PEER_AMQP_URL": self._rabbit.url,
            "PEER_REDIS_URL": self._redis.url,
        }
        with (self._folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen([*command, *quiet], env=env, cwd=ROOT, stderr=log)
        self._hold.callback(process.wait)
        self._hold.callback(process.kill)
        eventually(lambda: _listens(port), within=30)
        return port, process.pid

    def round(
        self,
        port: int,
        pid: int | None,
        plan: Plan,
        *,
        clients: int,
        seconds: float,
    ) -> dict[str, Any]:
        """Let the clients loose; return their tally and the processor time of each process (s)."""
        self._empty()
        processes = self._processes | ({} if pid is None else {"server": pid})
        before = {name: cpu(one) for name, one in processes.items()}
        tally = drive(port, clients, seconds, plan)
        spent = {name: round(cpu(one) - before[name], 3) for name, one in processes.items()}
        tally["cpu"] = spent | {"clients": tally.pop("cpu_seconds")}
        return tally

    def depth(self, queue: str) -> int:
        """How many messages a queue holds."""
        return Broker(self._rabbit.url).depth(queue)

    def _empty(self) -> None:
        with Broker(self._rabbit.url).channel() as channel:
            for queue in _QUEUES:
                _purge(channel.connection, queue)
        self._redis.flush()
        asyncio.run(self._announce())

    async def _announce(self) -> None:
        registry = RedisRegistry(self._redis.url)
        await registry.announce(a_worker(types=(TYPE,)), [an_entry(TYPE, schema=SCHEMA)])
        await registry.close()


@contextmanager
def stand() -> Iterator[Stand]:
    """Build a stand and take it down."""
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder, ExitStack() as hold:
        yield Stand(Path(folder), hold)


def cpu(pid: int | None) -> float:
    """Return the processor time of a process, user and system, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _purge(connection: Any, queue: str) -> None:
    channel = connection.channel()
    try:
        channel.queue_purge(queue)
        channel.close()
    except ChannelClosedByBroker:
        return  # nobody has declared it yet


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
