"""A real gateway process, its queues and its catalogue; the worker is played by the test."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pika

from deploy.local.ports import free_port
from shared.adapters.store_redis import RedisRegistry
from shared.contracts import topology
from tests.eventually import eventually, eventually_async
from tests.fakes.gateway import DEV, KEYS, TOKEN_SECRET
from tests.fakes.registry import a_worker, an_entry
from tests.nodes import Rabbit, Redis

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0  # on a machine that does much else
STOP_SECONDS = 15.0
A_JOB = {"type": "demo.steps", "payload": {"steps": 3}}


class RunningGateway:
    """`python -m services.gateway` on nodes of the test's."""

    def __init__(self, folder: Path, *, redis_url: str, amqp_url: str, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        keys = folder / "keys.json"
        keys.write_text(json.dumps(KEYS))
        self.redis_url, self.amqp_url = redis_url, amqp_url
        self.port = free_port()
        self.log = folder / "gateway.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
        self._env = clean | {
            "WAYMARK_REDIS_URL": redis_url,
            "WAYMARK_AMQP_URL": amqp_url,
            "WAYMARK_GATEWAY_PORT": str(self.port),
            "WAYMARK_KEYS_FILE": str(keys),
            "WAYMARK_TOKEN_SECRET": TOKEN_SECRET,
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and return when it answers at all."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.gateway"], env=self._env, stderr=log, cwd=ROOT
            )
        eventually(lambda: self.get("/live").status_code == 200, within=START_SECONDS)

    def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def client(self) -> httpx.AsyncClient:
        """A client with the key of the tenant `dev`."""
        return httpx.AsyncClient(
            base_url=self.url, headers={"authorization": DEV}, timeout=15, trust_env=False
        )

    def get(self, path: str) -> httpx.Response:
        """Read something now; 599 while it does not listen."""
        try:
            return httpx.get(f"{self.url}{path}", headers={"authorization": DEV}, trust_env=False)
        except httpx.TransportError:
            return httpx.Response(599)

    async def until_ready(self, within: float = 40.0) -> None:
        """Announce the catalogue, as workers do, until the gateway says that it is ready."""
        registry = RedisRegistry(self.redis_url)
        async with self.client() as http:

            async def ready() -> bool:
                await registry.announce(a_worker(), [an_entry()])
                answer = await http.get("/ready")
                assert answer.status_code == 200, answer.text
                return True

            await eventually_async(ready, within=within)
        await registry.close()


@contextmanager
def gateway_for(
    name: str, rabbitmq: Rabbit, redis_node: Redis, folder: Path, **settings: str
) -> Iterator[RunningGateway]:
    """Run one for all tests of a module: an empty store, a virtual host called `name`."""
    redis_node.flush()
    amqp_url = rabbitmq.new_vhost(name)
    Broker(amqp_url).serve()
    running = RunningGateway(folder, redis_url=redis_node.url, amqp_url=amqp_url, **settings)
    try:
        running.start()
        asyncio.run(running.until_ready())
        yield running
        assert running.stop() == 0
    finally:
        running.kill()
    assert "request_crashed" not in running.log.read_text()


@contextmanager
def gateway_with_webhooks(
    name: str, rabbitmq: Rabbit, redis_node: Redis, folder: Path
) -> Iterator[RunningGateway]:
    """Run one that signs webhooks, beside a worker that delivers them."""
    secrets = "a house secret of forty characters or so"
    with gateway_for(
        name, rabbitmq, redis_node, folder, WAYMARK_WEBHOOK_SECRETS=secrets
    ) as running:
        asyncio.run(_announce_webhooks(redis_node.url))
        yield running


async def _announce_webhooks(redis_url: str) -> None:
    """Announce the type of webhooks too, as a worker that has ours does."""
    registry = RedisRegistry(redis_url)
    anything: dict[str, object] = {"type": "object"}
    entries = [an_entry(), an_entry("webhook.deliver", schema=anything)]
    await registry.announce(a_worker(types=("demo.steps", "webhook.deliver")), entries)
    await registry.close()


class Broker:
    """What a worker's side of the broker sees."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel for a moment."""
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def serve(self, queue: str = "default") -> None:
        """Declare the house's parts and a queue, as the worker that serves it does."""
        with self.channel() as channel:
            for part in (topology.house_topology(), topology.work_topology(queue)):
                for exchange in part.exchanges:
                    channel.exchange_declare(
                        exchange.name,
                        exchange.kind,
                        durable=True,
                        arguments=dict(exchange.arguments),
                    )
                for declared in part.queues:
                    channel.queue_declare(
                        declared.name, durable=True, arguments=dict(declared.arguments)
                    )
                for binding in part.bindings:
                    bind = channel.exchange_bind if binding.to_exchange else channel.queue_bind
                    bind(binding.destination, binding.source, binding.key)

    def jobs(self, queue: str = "waymark.default") -> list[str]:
        """Take every message of a queue; return the jobs they are about."""
        found: list[str] = []
        with self.channel() as channel:
            while True:
                method, _, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    return found
                found.append(str(json.loads(body)["message_id"]))

    def publish(self, queue: str, body: bytes) -> None:
        """Put anything into a queue."""
        with self.channel() as channel:
            channel.confirm_delivery()
            channel.basic_publish("", queue, body, mandatory=True)

    def reject_one(self, queue: str = "waymark.default") -> None:
        """Give a message up, as a worker does with a job that failed for good."""
        with self.channel() as channel:
            method, _, _ = channel.basic_get(queue)
            assert method is not None
            channel.basic_nack(method.delivery_tag, requeue=False)

    def depth(self, queue: str) -> int:
        """How many messages are ready in a queue."""
        with self.channel() as channel:
            count: int = channel.queue_declare(queue, passive=True).method.message_count
            return count


async def in_thread(do: Any, *arguments: Any) -> Any:
    """Call something that blocks."""
    return await asyncio.to_thread(do, *arguments)
