"""What deploy/ ships for RabbitMQ and Redis, on real private nodes, and services that use it.

Only where things lie is changed: ports, folders, and how much disk must be free.
"""

import http.client
from collections.abc import Mapping
from pathlib import Path

from deploy.local.ports import free_port
from deploy.local.rabbitmq import RabbitNode
from deploy.local.redis import RedisNode, command
from deploy.local.service import REPO, Service
from deploy.secrets.files import Places, files, write
from deploy.secrets.made import Made, make

RABBITMQ = REPO / "deploy" / "rabbitmq"
REDIS = REPO / "deploy" / "redis"
SERVICES = ("gateway", "worker", "notifier")


class ShippedRabbit(RabbitNode):
    """A RabbitMQ with our rabbitmq.conf, plug-ins and definitions."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.definitions = folder / "definitions.json"
        self.management_port, self.metrics_port = free_port(), free_port()

    def _write_files(self) -> None:
        super()._write_files()
        moved = {
            "listeners.tcp.default": f"127.0.0.1:{self.port}",
            "load_definitions": str(self.definitions),
            "disk_free_limit.absolute": "64MB",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.management_port),
            "prometheus.tcp.ip": "127.0.0.1",
            "prometheus.tcp.port": str(self.metrics_port),
        }
        conf = replaced((RABBITMQ / "rabbitmq.conf").read_text(), moved, sign=" = ")
        (self.folder / "rabbitmq.conf").write_text(conf)
        (self.folder / "advanced.config").write_text("[].\n")
        (self.folder / "enabled_plugins").write_text((RABBITMQ / "enabled_plugins").read_text())

    def get(self, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """Ask the management API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class ShippedRedis(RedisNode):
    """A Redis with our redis.conf and users.acl."""

    @property
    def users(self) -> Path:
        """Its file of users."""
        return self.folder / "users.acl"

    def answers(self) -> bool:
        return command(self.port, "PING").startswith("-NOAUTH")

    def _command(self) -> list[str]:
        moved = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._data),
            "aclfile": str(self.users),
        }
        conf = self.folder / "redis.conf"
        conf.write_text(replaced((REDIS / "redis.conf").read_text(), moved, sign=" "))
        return [super()._command()[0], str(conf)]


class ShippedHouse:
    """Both nodes, and the three services, each with its own users and files and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rabbit = ShippedRabbit(folder / "rabbitmq")
        self.redis = ShippedRedis(folder / "redis")
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        self.made: Made = make(self.secrets)
        self.places = Places(
            rabbitmq=f"127.0.0.1:{self.rabbit.port}", redis=f"127.0.0.1:{self.redis.port}"
        )
        texts = files(self.made, self.places)
        write(self.secrets, texts)
        for node, file in ((self.rabbit, "definitions.json"), (self.redis, "users.acl")):
            node.folder.mkdir()
            (node.folder / file).write_text(texts[f"{node.folder.name}/{file}"])
        self.services = {
            name: Service(name, root=folder, env=lambda name=name: self.env_of(name))  # type: ignore[misc]
            for name in SERVICES
        }
        self.settings: dict[str, str] = {}

    def start(self) -> None:
        self.redis.start()
        self.rabbit.start()
        for service in self.services.values():
            service.choose_port(free_port(), taken=set())
            service.launch()
        for service in self.services.values():
            service.wait_ready()

    def close(self) -> None:
        for service in self.services.values():
            service.kill()
        self.rabbit.wipe()
        self.redis.wipe()

    def env_of(self, service: str) -> Mapping[str, str]:
        """What one service is told."""
        keys = {"WAYMARK_KEYS_FILE": str(self.secrets / "gateway" / "keys.json")}
        return {
            "PATH": "/usr/bin:/bin",
            "WAYMARK_TOPOLOGY": "given",
            "WAYMARK_SECRETS_DIR": str(self.secrets / service),
            "WAYMARK_SLOTS": "2",
            **(keys if service == "gateway" else {}),
            **self.settings,
        }

    def amqp_url(self, user: str) -> str:
        password = self.made.values[f"rabbitmq.{user}"]
        return f"amqp://{user}:{password}@{self.places.rabbitmq}/waymark"

    def redis_url(self, user: str) -> str:
        return f"redis://{user}:{self.made.values[f'redis.{user}']}@{self.places.redis}/0"


def replaced(conf: str, values: Mapping[str, str], *, sign: str) -> str:
    """Return a configuration with some of its lines saying something else."""
    lines = [line for line in conf.splitlines() if line.split(sign)[0] not in values]
    return "\n".join([*lines, *(f"{name}{sign}{value}" for name, value in values.items()), ""])
