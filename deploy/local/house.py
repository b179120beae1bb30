"""The whole house in one folder: nodes, gateway, workers, notifiers.

with House(folder, ports=Ports.free()) as house:
    house.service("worker").kill()
    house.service("worker").start()
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.deadline import holds, wait_until
from deploy.local.dev_env import write_dev_env
from deploy.local.errors import HouseError
from deploy.local.keys import Keys, cut_keys
from deploy.local.node import Node
from deploy.local.nodes import Kind, Nodes
from deploy.local.ports import HIGHEST_PORT, LOOPBACK, free_ports
from deploy.local.rabbitmq import CONSUMER_TIMEOUT_MS
from deploy.local.service import BOOT_SECONDS, GRACE_SECONDS, REPO, Service, stop_together

DEFAULT_ROOT = REPO / ".waymark"
DEFAULT_DRAIN_SECONDS = 30.0
LOCK_SECONDS = 120.0


@dataclass(frozen=True)
class Ports:
    """Where the first of each kind listens."""

    gateway: int = 8000
    notifier: int = 8001
    worker: int = 8002

    @classmethod
    def free(cls) -> Self:
        """Choose three that nobody uses."""
        return cls(*free_ports(3))

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read WAYMARK_<KIND>_PORT.

        Raises:
            HouseError: one of them is no port, or two are the same.
        """
        chosen: dict[int, str] = {}
        for kind, default in (
            ("gateway", cls.gateway),
            ("notifier", cls.notifier),
            ("worker", cls.worker),
        ):
            setting = f"WAYMARK_{kind.upper()}_PORT"
            port = port_number(env, setting, default)
            if port in chosen:
                message = f"{chosen[port]} and {setting} are both {port}; each needs its own"
                raise HouseError(message)
            chosen[port] = setting
        return cls(*chosen)


class House:
    """A complete house; what runs in its folder already is found again, not started twice."""

    def __init__(
        self,
        root: Path = DEFAULT_ROOT,
        *,
        env: Mapping[str, str] | None = None,
        ports: Ports | None = None,
        workers: int = 1,
        notifiers: int = 1,
        code: Path = REPO,
    ) -> None:
        """Describe it; nothing starts.

        Args:
            root: everything the house writes lies here.
            env: the complete environment of its processes; None means this process's own.
            ports: None means what `env` says, or 8000, 8001, 8002.
            workers: how many worker processes.
            notifiers: how many notifier processes.
            code: the folder that holds the package `services`.
        """
        self.root = root.resolve()
        self._env = dict(os.environ if env is None else env)
        self.ports = ports or Ports.from_env(self._env)
        self.nodes = Nodes(self.root, self._env)
        self._names = [
            "gateway",
            *_numbered("worker", workers),
            *_numbered("notifier", notifiers),
        ]
        self._services = {
            name: Service(name, root=self.root, env=self._service_env, code=code)
            for name in sorted({*self._names, *self._seen()}, key=_rank)
        }

    @property
    def services(self) -> list[Service]:
        """Every process of the house, in the order of their start."""
        return list(self._services.values())

    def service(self, name: str) -> Service:
        """Return one by its name: "gateway", "worker", "worker.2", "notifier" and so on."""
        return self._services[name]

    @property
    def rabbitmq(self) -> Node:
        """Its own RabbitMQ; HouseError when it uses a foreign one."""
        return self.nodes.node(Kind.RABBITMQ)

    @property
    def redis(self) -> Node:
        """Its own Redis; HouseError when it uses a foreign one."""
        return self.nodes.node(Kind.REDIS)

    @property
    def keys(self) -> Keys:
        """Its API keys and secrets."""
        return cut_keys(self.root)

    @property
    def url(self) -> str:
        """The gateway, for clients."""
        return self.service("gateway").url

    @property
    def stream_url(self) -> str:
        """The first notifier's stream, for browsers."""
        return f"ws://{LOOPBACK}:{self.service('notifier').port}/v1/stream"

    @property
    def dev_env(self) -> dict[str, str]:
        """What dev.env holds: enough for a client, and for a service started by hand."""
        return {
            "WAYMARK_URL": self.url,
            "WAYMARK_STREAM_URL": self.stream_url,
            "WAYMARK_API_KEY": self.keys.tenant,
            "WAYMARK_PLATFORM_KEY": self.keys.platform,
            "WAYMARK_AMQP_URL": self.nodes.url(Kind.RABBITMQ),
            "WAYMARK_REDIS_URL": self.nodes.url(Kind.REDIS),
        } | ({"WAYMARK_NODES": "private"} if self.nodes.are_private else {})

    def start(self, within: float = BOOT_SECONDS) -> None:
        """Start whatever is not running and wait until all of it is ready.

        Raises:
            HouseError: a port is taken, a package is missing, or something is not ready after
                `within` seconds; one line.
        """
        with self._alone():
            self._choose_ports()
            self.nodes.start()
            (self.root / "data").mkdir(parents=True, exist_ok=True)
            write_dev_env(self.root / "dev.env", self.dev_env)
            wanted = [self._services[name] for name in self._names]
            for service in wanted:
                service.launch()
            _wait_ready(wanted, within)

    def stop(self) -> None:
        """Stop gateway, workers (they drain), notifiers, nodes; each with a deadline."""
        with self._alone():
            for kind, within in (
                ("gateway", GRACE_SECONDS),
                ("worker", self.drain_seconds + GRACE_SECONDS),
                ("notifier", self.drain_seconds + GRACE_SECONDS),
            ):
                stop_together([each for each in self.services if each.kind == kind], within)
            for service in self.services:
                service.forget_unless_first()
            self.nodes.stop()

    def kill(self) -> None:
        """End every process at once, as a power cut would, and forget nothing on disk."""
        for service in self.services:
            service.kill()
        self.nodes.kill()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    @property
    def drain_seconds(self) -> float:
        """What the worker is told; where that is no number, the worker says so itself."""
        try:
            return max(0.0, float(self._env.get("WAYMARK_DRAIN_SECONDS") or DEFAULT_DRAIN_SECONDS))
        except ValueError:
            return DEFAULT_DRAIN_SECONDS

    def _choose_ports(self) -> None:
        taken = {self.ports.gateway, self.ports.notifier, self.ports.worker}
        for name in self._names:
            service = self._services[name]
            taken.add(service.choose_port(getattr(self.ports, service.kind), taken=taken))

    def _service_env(self) -> dict[str, str]:
        keys = self.keys
        defaults = {
            "WAYMARK_DATA_DIR": str(self.root / "data"),
            "WAYMARK_KEYS_FILE": str(keys.hashes),
            "WAYMARK_TOKEN_SECRET": keys.token_secret,
            "WAYMARK_WEBHOOK_SECRETS": keys.webhook_secret,
            "PYTHONUNBUFFERED": "1",
        }
        if self.nodes.are_private:
            patience = str(CONSUMER_TIMEOUT_MS // 1000)
            defaults["WAYMARK_CONSUMER_TIMEOUT_SECONDS"] = patience
        ports = {
            "WAYMARK_GATEWAY_PORT": str(self.ports.gateway),
            "WAYMARK_NOTIFIER_PORT": str(self.ports.notifier),
            "WAYMARK_WORKER_PORT": str(self.ports.worker),
        }
        return defaults | self._env | ports | self.dev_env

    def _seen(self) -> list[str]:
        """Return services that an earlier `up` started with larger numbers."""
        files = sorted((self.root / "run").glob("*.port"))
        return [file.name.removesuffix(".port") for file in files]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "house.lock").open("w") as lock:
            busy = "another `up` or `down` of this house is at work"
            wait_until(lambda: _locked(lock.fileno()), within=LOCK_SECONDS, otherwise=busy)
            yield


def whole_number(env: Mapping[str, str], setting: str, default: int) -> int:
    """Read one number.

    Raises:
        HouseError: it is not a whole number.
    """
    text = env.get(setting) or str(default)
    if not text.isdecimal():
        message = f"{setting} must be a whole number, not {text!r}"
        raise HouseError(message)
    return int(text)


def port_number(env: Mapping[str, str], setting: str, default: int) -> int:
    """Read one port.

    Raises:
        HouseError: it is not one.
    """
    port = whole_number(env, setting, default)
    if not 0 < port <= HIGHEST_PORT:
        message = f"{setting} must be a port, 1 to {HIGHEST_PORT}, not {port}"
        raise HouseError(message)
    return port


def _numbered(kind: str, count: int) -> list[str]:
    return [kind if number == 1 else f"{kind}.{number}" for number in range(1, count + 1)]


def _rank(name: str) -> tuple[int, int]:
    """Gateway, workers, notifiers; each kind by its numbers."""
    kind, _, number = name.partition(".")
    return ("gateway", "worker", "notifier").index(kind), int(number or 1)


def _wait_ready(services: list[Service], within: float) -> None:
    """Wait for all of them together: one may never be ready because another has died."""
    holds(
        lambda: not all(each.is_running for each in services) or all(s.is_ready for s in services),
        within=within,
    )
    for service in sorted(services, key=lambda each: each.is_running):
        service.require_ready(after=within)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
