"""Where RabbitMQ and Redis come from on this machine: one order, decided once.

Addresses given by hand; installed programs; a container engine; packages to install; nothing.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from deploy.local import packages
from deploy.local.containers import RABBITMQ, REDIS, ContainerNode
from deploy.local.engine import engine_answers
from deploy.local.errors import HouseError, NoNodesError
from deploy.local.node import Node
from deploy.local.ports import free_ports, is_free
from deploy.local.rabbitmq import RabbitNode, RabbitPorts, script
from deploy.local.redis import RedisNode


class Kind(StrEnum):
    """The two stores; the value is the package that brings it."""

    RABBITMQ = "rabbitmq-server"
    REDIS = "redis-server"

    @property
    def setting(self) -> str:
        """The setting that gives an address by hand."""
        return "WAYMARK_AMQP_URL" if self is Kind.RABBITMQ else "WAYMARK_REDIS_URL"


class Source(StrEnum):
    """Where a node comes from."""

    ADDRESS = "address"
    PROCESS = "process"
    CONTAINER = "container"
    INSTALL = "install"


@dataclass(frozen=True)
class Machine:
    """What can be asked about this machine; each question is asked only when it matters."""

    has_program: Callable[[Kind], bool]
    engine_answers: Callable[[], bool]
    can_install: Callable[[], bool]


def this_machine() -> Machine:
    """Return the real one."""
    return Machine(is_installed, engine_answers, packages.can_install)


def choose(kind: Kind, env: Mapping[str, str], machine: Machine) -> Source:
    """Choose where a node comes from.

    Raises:
        NoNodesError: there is no way; says what to install.
    """
    if env.get("WAYMARK_NODES") != "private" and env.get(kind.setting):
        return Source.ADDRESS
    if machine.has_program(kind):
        return Source.PROCESS
    if machine.engine_answers():
        return Source.CONTAINER
    if machine.can_install():
        return Source.INSTALL
    message = (
        f"no {kind} here: install it (sudo apt-get install rabbitmq-server redis-server),"
        f" start a container engine, or set {kind.setting}"
    )
    raise NoNodesError(message)


def is_installed(kind: Kind) -> bool:
    """Tell whether the program is on this machine."""
    if kind is Kind.REDIS:
        return bool(shutil.which("redis-server") or shutil.which("valkey-server"))
    try:
        script(kind)
    except HouseError:
        return False
    return True


class Nodes:
    """The two nodes of one house; remembers under `root` where they came from."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        """Describe them; nothing starts and nothing is asked of the machine."""
        self._root = root
        self._env = env
        self._memory = root / "nodes.json"
        self._nodes: dict[Kind, Node] = {}
        for kind, (source, ports) in self._recall().items():
            self._nodes[kind] = self._build(kind, source, ports)

    def start(self, machine: Machine | None = None) -> None:
        """Start what is not running.

        Raises:
            HouseError: there is no way to, or a node does not start; one line.
        """
        asked = machine or this_machine()
        chosen = {kind: choose(kind, self._foreign(), asked) for kind in Kind}
        missing = [kind for kind, source in chosen.items() if source is Source.INSTALL]
        if missing:
            packages.install(missing, log=self._root / "logs" / "install.log")
        for kind, source in chosen.items():
            settled = Source.PROCESS if source is Source.INSTALL else source
            self._start(kind, settled)

    def stop(self) -> None:
        """Stop what we started, RabbitMQ first; foreign nodes are left alone."""
        for node in self._nodes.values():
            if node.is_running:
                node.stop()

    def wipe(self) -> None:
        """End what we started and forget what it has stored."""
        for node in self._nodes.values():
            node.wipe()

    def kill(self) -> None:
        """End what we started as a power cut would."""
        for node in self._nodes.values():
            node.kill()

    @property
    def are_private(self) -> bool:
        """Whether both are ours."""
        return len(self._nodes) == len(Kind)

    def has(self, kind: Kind) -> bool:
        """Tell whether this node is ours, started or not."""
        return kind in self._nodes

    def url(self, kind: Kind) -> str:
        """Return where services find this node."""
        return self._nodes[kind].url if kind in self._nodes else self._env[kind.setting]

    def node(self, kind: Kind) -> Node:
        """Return a node of our own.

        Raises:
            HouseError: it is not ours, or was never started.
        """
        if kind not in self._nodes:
            message = f"{kind} is not a node of this house"
            raise HouseError(message)
        return self._nodes[kind]

    def _foreign(self) -> dict[str, str]:
        """Return the environment without the addresses of our own nodes (a sourced dev.env)."""
        ours = {node.url for node in self._nodes.values()}
        return {name: value for name, value in self._env.items() if value not in ours}

    def _start(self, kind: Kind, source: Source) -> None:
        remembered = self._recall()
        if source is Source.ADDRESS:
            if kind in self._nodes:
                self._nodes.pop(kind).stop()
                self._remember({k: v for k, v in remembered.items() if k is not kind})
            return
        known_source, ports = remembered.get(kind, (source, []))
        node = self._nodes.get(kind)
        if node is None or known_source is not source or _needs_ports(node, kind, source, ports):
            if node is not None and node.is_running:
                node.stop()
            ports = _new_ports(kind, source)
            node = self._build(kind, source, ports)
        self._nodes[kind] = node
        self._remember(remembered | {kind: (source, ports)})
        node.start()

    def _build(self, kind: Kind, source: Source, ports: list[int]) -> Node:
        run = self._root / "run"
        if source is Source.CONTAINER:
            image = RABBITMQ if kind is Kind.RABBITMQ else REDIS
            mark = hashlib.sha256(str(self._root.resolve()).encode()).hexdigest()[:10]
            return ContainerNode(image, name=f"waymark-{mark}-{kind}", port=ports[0])
        if kind is Kind.RABBITMQ:
            return RabbitNode(self._root / "rabbitmq", ports=RabbitPorts(*ports), run=run)
        return RedisNode(self._root / "redis", port=ports[0], run=run)

    def _recall(self) -> dict[Kind, tuple[Source, list[int]]]:
        if not self._memory.exists():
            return {}
        stored = json.loads(self._memory.read_text())
        return {Kind(kind): (Source(source), ports) for kind, (source, ports) in stored.items()}

    def _remember(self, nodes: Mapping[Kind, tuple[Source, list[int]]]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        self._memory.write_text(json.dumps(nodes, indent=2))


def _needs_ports(node: Node, kind: Kind, source: Source, ports: list[int]) -> bool:
    """Tell whether one that is down has too few of them (an older house), or lost one."""
    if node.is_running:
        return False
    return len(ports) < _port_count(kind, source) or not all(is_free(port) for port in ports)


def _new_ports(kind: Kind, source: Source) -> list[int]:
    return free_ports(_port_count(kind, source))


def _port_count(kind: Kind, source: Source) -> int:
    is_rabbitmq_process = kind is Kind.RABBITMQ and source is Source.PROCESS
    return len(fields(RabbitPorts)) if is_rabbitmq_process else 1
