"""RabbitMQ and Redis for tests in containers: testcontainers starts and reaps them."""

import contextlib
from typing import TypeVar

from docker.errors import NotFound
from docker.models.containers import Container
from testcontainers.core.container import DockerContainer

from deploy.local.containers import RABBITMQ, REDIS, Image
from deploy.local.deadline import wait_until
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.rabbitmq import speaks_amqp
from deploy.local.redis import command

BOOT_SECONDS = 300.0  # the first boot pulls the image

Self = TypeVar("Self", bound="_ContainerNode")


class _ContainerNode:
    """What both have in common; the port stays the same across restarts."""

    image: Image

    def __init__(self) -> None:
        self.port = free_port()
        self._container: DockerContainer | None = None

    @property
    def pid(self) -> int | None:
        if self._container is None:
            return None
        inside = self._inside()
        inside.reload()
        return int(inside.attrs["State"]["Pid"]) or None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    def start(self, within: float = BOOT_SECONDS) -> None:
        if self._container is None:
            self._container = DockerContainer(self.image.name)
            # docker-py takes (address, port); the types of testcontainers know numbers only.
            self._container.ports[str(self.image.inner_port)] = (LOOPBACK, self.port)  # type: ignore[assignment]
            if self.image.arguments:
                self._container.with_command(list(self.image.arguments))
            for name, value in self.image.env.items():
                self._container.with_env(name, value)
            self._container.start()
        elif not self.is_running:
            self._inside().start()
        wait_until(self.answers, within=within, otherwise=f"{self.image.name} does not answer")

    def stop(self, within: float = 30.0) -> None:
        self._inside().stop(timeout=int(within))

    def kill(self) -> None:
        self._inside().kill()

    def freeze(self) -> None:
        self._inside().pause()

    def thaw(self) -> None:
        self._inside().unpause()

    def wipe(self) -> None:
        if self._container is not None:
            with contextlib.suppress(NotFound):
                self._inside().remove(force=True, v=True)
            self._container = None

    def answers(self) -> bool:
        raise NotImplementedError

    def _inside(self) -> Container:
        if self._container is None:
            message = f"{self.image.name} was never started"
            raise RuntimeError(message)
        return self._container.get_wrapped_container()


class RabbitContainer(_ContainerNode):
    """RabbitMQ in a container."""

    image = RABBITMQ

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/%2F"

    def answers(self) -> bool:
        return speaks_amqp(self.port)

    def new_vhost(self, name: str) -> str:
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "--vhost", name, "guest", ".*", ".*", ".*")
        return self.url.replace("%2F", name)

    def sync(self) -> None:
        self.ctl("eval", "[ok = dets:sync(Table) || Table <- dets:all()].")

    def ctl(self, *arguments: str) -> str:
        done = self._inside().exec_run(["rabbitmqctl", "--quiet", *arguments])
        text = bytes(done.output).decode()
        assert done.exit_code == 0, text
        return text


class RedisContainer(_ContainerNode):
    """Redis in a container."""

    image = REDIS

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def answers(self) -> bool:
        return command(self.port, "PING") == "+PONG"

    def flush(self) -> None:
        assert command(self.port, "FLUSHALL") == "+OK"
