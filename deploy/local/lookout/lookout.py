"""Prometheus, Alertmanager and a Redis exporter beside one house.

with Lookout(house) as lookout:
    print(lookout.url)
"""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.house import House
from deploy.local.lookout.folder import CONFIG, SOURCE, Target, aim, calling, furnish
from deploy.local.lookout.program import (
    ALERTMANAGER,
    KINDS,
    PROMETHEUS,
    REDIS_EXPORTER,
    Kind,
    Program,
)
from deploy.local.nodes import Kind as Store
from deploy.local.ports import LOOPBACK, free_ports, next_free
from deploy.local.rabbitmq import RabbitNode

BOOT_SECONDS = 30.0  # measured 0.5 s; a long write-ahead log takes longer
EVERY_SECONDS = 5  # a person looks at it and waits
KEPT = "7d"
ALERTMANAGER_CONFIG = SOURCE / "alertmanager" / "alertmanager.yml"


class Lookout:
    """What watches one house; what runs in its folder already is found again."""

    def __init__(
        self,
        house: House,
        *,
        ports: Mapping[Kind, int] | None = None,
        every_seconds: int = EVERY_SECONDS,
        calls: str | None = None,
    ) -> None:
        """Describe it; nothing starts.

        Args:
            house: the one to watch.
            ports: where the programs listen; None means where they did last, or the usual ones.
            every_seconds: how often to scrape and to evaluate the rules.
            calls: where Alertmanager posts to each receiver, `<calls>/pager`; None means nowhere.
        """
        self._house = house
        self._every = every_seconds
        self._calls = calls
        self.folder = house.root / "lookout"
        self._memory = self.folder / "ports.json"
        self._ports = dict(ports or self._recall())

    @staticmethod
    def missing() -> list[str]:
        """Return the packages that are not installed here."""
        return [kind.package for kind in KINDS if kind.binary is None]

    @staticmethod
    def free_ports() -> dict[Kind, int]:
        """Choose ports that nobody uses."""
        return dict(zip(KINDS, free_ports(len(KINDS)), strict=True))

    @property
    def url(self) -> str:
        """Prometheus."""
        return self._program(PROMETHEUS).url

    @property
    def alertmanager_url(self) -> str:
        """Alertmanager."""
        return self._program(ALERTMANAGER).url

    @property
    def programs(self) -> list[Program]:
        """What it is made of; nothing before its first start."""
        return [self._program(kind) for kind in KINDS if kind in self._ports]

    @property
    def is_running(self) -> bool:
        """Whether anything of it lives."""
        return any(program.process.is_running for program in self.programs)

    @property
    def targets(self) -> dict[str, list[Target]]:
        """What is scraped now, by job."""
        services = {
            f"waymark-{kind}": [
                Target(each.name, f"{LOOPBACK}:{each.port}")
                for each in self._house.services
                if each.kind == kind and each.is_running
            ]
            for kind in ("gateway", "worker", "notifier")
        }
        return services | {
            "rabbitmq": self._brokers,
            "rabbitmq-queues": self._brokers,
            "redis": [Target("redis", f"{LOOPBACK}:{self._ports[REDIS_EXPORTER]}")],
            "alertmanager": [Target("alertmanager", f"{LOOPBACK}:{self._ports[ALERTMANAGER]}")],
        }

    def start(self, within: float = BOOT_SECONDS) -> None:
        """Start what is not running, aimed at the house, which must run; wait until all is ready.

        Raises:
            HouseError: a program is missing, or not ready in time; one line.
        """
        self._settle_ports()
        node = self._rabbitmq
        if node is not None:
            node.open_metrics()
        furnish(self._prometheus_folder, every_seconds=self._every)
        if self._calls is not None:
            self._called.write_text(calling(ALERTMANAGER_CONFIG.read_text(), self._calls))
        self.aim()
        for program in self.programs:
            program.start(within)
        # One that ran before reads its rules anew.
        self._program(PROMETHEUS).process.signal(signal.SIGHUP)

    def aim(self) -> None:
        """Say what there is to scrape, after the house has changed."""
        aim(self._prometheus_folder, self.targets)

    def stop(self) -> None:
        """End all of it; what it has seen is kept for a week."""
        for program in self.programs:
            program.stop()

    def kill(self) -> None:
        """End all of it at once."""
        for program in self.programs:
            program.process.kill()

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
    def _called(self) -> Path:
        return self.folder / "alertmanager.yml"

    @property
    def _prometheus_folder(self) -> Path:
        return self.folder / "prometheus"

    @property
    def _rabbitmq(self) -> RabbitNode | None:
        """The broker, where it is a process of ours: only there do we know its metrics."""
        if not self._house.nodes.has(Store.RABBITMQ):
            return None
        node = self._house.rabbitmq
        return node if isinstance(node, RabbitNode) else None

    @property
    def _brokers(self) -> list[Target]:
        node = self._rabbitmq
        return [Target("rabbitmq", f"{LOOPBACK}:{node.ports.metrics}")] if node else []

    def _program(self, kind: Kind) -> Program:
        arguments = {
            PROMETHEUS: (
                f"--config.file={self._prometheus_folder / CONFIG}",
                f"--storage.tsdb.path={self.folder / 'series'}",
                f"--storage.tsdb.retention.time={KEPT}",
            ),
            ALERTMANAGER: (
                f"--config.file={self._called if self._calls else ALERTMANAGER_CONFIG}",
                f"--storage.path={self.folder / 'alertmanager'}",
                "--cluster.listen-address=",
            ),
            # Well before the scrape gives up: a frozen Redis is then told of as one that is down.
            REDIS_EXPORTER: (f"--connection-timeout={min(3.0, 0.6 * self._every):g}s",),
        }.get(kind, ())
        return Program(kind, self._house.root, self._ports[kind], arguments, self._env)

    def _env(self) -> dict[str, str]:
        # An address may hold a password, and arguments are seen by every user of the machine.
        return {"REDIS_ADDR": self._house.nodes.url(Store.REDIS)}

    def _recall(self) -> dict[Kind, int]:
        if not self._memory.exists():
            return {}
        stored = json.loads(self._memory.read_text())
        return {kind: stored[kind.name] for kind in KINDS}

    def _settle_ports(self) -> None:
        if not self._ports:
            self._ports = {kind: next_free(kind.usual_port, taken=set()) for kind in KINDS}
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {kind.name: port for kind, port in self._ports.items()}
        self._memory.write_text(json.dumps(ports, indent=2))
