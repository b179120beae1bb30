"""Fixtures: private RabbitMQ and Redis nodes, started only when a test asks.

`rabbitmq` and `redis_node` are one per session; `amqp_url` and `redis_url` are a clean piece of
them for one test; `new_rabbitmq` and `new_redis` make nodes that a test may kill, freeze or wipe.
Addresses in the environment are ignored: tests touch no broker that is not their own.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Never, Protocol, TypeVar

import pytest

from deploy.local.engine import engine_answers
from deploy.local.errors import HouseError
from deploy.local.house import House, Ports
from deploy.local.lookout.lookout import Lookout
from deploy.local.node import Node
from deploy.local.rabbitmq import RabbitNode, script
from deploy.local.redis import RedisNode
from deploy.local.undertaker import watch_over
from tests.containers import RabbitContainer, RedisContainer

AnyNode = TypeVar("AnyNode", bound=Node)
UNDERTAKER_SECONDS = 20.0


class Rabbit(Node, Protocol):
    """A RabbitMQ for tests."""

    def new_vhost(self, name: str) -> str:
        """Add an empty virtual host; return its URL."""

    def sync(self) -> None:
        """Write to disk which quorum queues exist; a kill within 0.5 s loses new ones."""

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl and return what it prints."""


class Redis(Node, Protocol):
    """A Redis for tests."""

    def flush(self) -> None:
        """Empty it, keeping the process."""


@pytest.fixture(scope="session")
def nodes_folder() -> Iterator[Path]:
    """A folder whose processes are ended after the session, even when pytest is killed."""
    folder = Path(tempfile.mkdtemp(prefix="waymark-tests-"))
    undertaker = watch_over(folder)
    yield folder
    undertaker.communicate(timeout=UNDERTAKER_SECONDS)


@pytest.fixture(scope="session")
def make_rabbitmq(nodes_folder: Path) -> Callable[[], Rabbit]:
    """How to get a RabbitMQ on this machine; skips (in CI: fails) where there is no way."""
    if _is_installed("rabbitmq-server"):
        return lambda: RabbitNode(_new_folder(nodes_folder, "rabbitmq"))
    _need_engine("rabbitmq-server")
    return RabbitContainer


@pytest.fixture(scope="session")
def make_redis(nodes_folder: Path) -> Callable[[], Redis]:
    """How to get a Redis on this machine; skips (in CI: fails) where there is no way."""
    if shutil.which("redis-server") or shutil.which("valkey-server"):
        return lambda: RedisNode(_new_folder(nodes_folder, "redis"))
    _need_engine("redis-server")
    return RedisContainer


@pytest.fixture(scope="session")
def rabbitmq(make_rabbitmq: Callable[[], Rabbit]) -> Iterator[Rabbit]:
    """The session's RabbitMQ, started. Do not kill it: ask for `new_rabbitmq` instead."""
    yield from _living(make_rabbitmq)


@pytest.fixture(scope="session")
def redis_node(make_redis: Callable[[], Redis]) -> Iterator[Redis]:
    """The session's Redis, started. Do not kill it: ask for `new_redis` instead."""
    yield from _living(make_redis)


@pytest.fixture
def amqp_url(rabbitmq: Rabbit) -> str:
    """An empty virtual host of this test's own on the session's RabbitMQ."""
    return rabbitmq.new_vhost(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def redis_url(redis_node: Redis) -> str:
    """The session's Redis, emptied for this test."""
    redis_node.flush()
    return redis_node.url


@pytest.fixture
def new_rabbitmq(make_rabbitmq: Callable[[], Rabbit]) -> Iterator[Callable[[], Rabbit]]:
    """Call it for a started RabbitMQ of this test's own, to break at will."""
    yield from _nursery(make_rabbitmq)


@pytest.fixture
def new_redis(make_redis: Callable[[], Redis]) -> Iterator[Callable[[], Redis]]:
    """Call it for a started Redis of this test's own, to break at will."""
    yield from _nursery(make_redis)


@pytest.fixture
def new_house(nodes_folder: Path) -> Iterator[Callable[..., House]]:
    """Call it for a started house of this test's own, on free ports, with nodes of its own.

    `new_house(workers=2, WAYMARK_SLOTS="4")`; hand it WAYMARK_AMQP_URL and WAYMARK_REDIS_URL
    (`amqp_url`, `redis_url`) to use the session's nodes, which is 5 s faster.
    """
    houses: list[House] = []

    def start_one(*, workers: int = 1, notifiers: int = 1, **settings: str) -> House:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
        house = House(
            _new_folder(nodes_folder, "house"),
            env=inherited | settings,
            ports=Ports.free(),
            workers=workers,
            notifiers=notifiers,
        )
        houses.append(house)
        house.start()
        return house

    try:
        yield start_one
    finally:
        for house in houses:
            house.kill()


@pytest.fixture
def new_lookout() -> Iterator[Callable[[House], Lookout]]:
    """Call it with a started house for Prometheus and its company beside it, once a second."""
    with ExitStack() as born:
        yield lambda house: born.enter_context(lookout_beside(house))


@contextmanager
def lookout_beside(house: House) -> Iterator[Lookout]:
    """Prometheus and its company on free ports; skips (in CI: fails) where they are missing."""
    missing = Lookout.missing()
    if missing:
        _do_without(f"needs {' and '.join(missing)} installed")
    lookout = Lookout(house, ports=Lookout.free_ports(), every_seconds=1)
    try:
        lookout.start()
        yield lookout
    finally:
        lookout.kill()


def _living(make: Callable[[], AnyNode]) -> Iterator[AnyNode]:
    node = make()
    try:
        node.start()
        yield node
    finally:
        node.wipe()


def _nursery(make: Callable[[], AnyNode]) -> Iterator[Callable[[], AnyNode]]:
    born: list[AnyNode] = []

    def start_one() -> AnyNode:
        born.append(make())
        born[-1].start()
        return born[-1]

    try:
        yield start_one
    finally:
        for node in born:
            node.wipe()


def _new_folder(parent: Path, name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))


def _is_installed(name: str) -> bool:
    try:
        script(name)
    except HouseError:
        return False
    return True


def _need_engine(package: str) -> None:
    if engine_answers():
        return
    _do_without(f"needs {package} installed, or a container engine that answers")


def _do_without(reason: str) -> Never:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
