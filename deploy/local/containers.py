"""RabbitMQ and Redis as containers, with the same promises as the private processes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.local.deadline import wait_until
from deploy.local.engine import docker
from deploy.local.ports import LOOPBACK
from deploy.local.rabbitmq import CONSUMER_TIMEOUT_MS, speaks_amqp
from deploy.local.redis import command

BOOT_SECONDS = 300.0  # the first boot pulls the image
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Image:
    """What to run and how to talk to it."""

    name: str
    inner_port: int
    data: str
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


RABBITMQ = Image(
    "rabbitmq:4",
    inner_port=5672,
    data="/var/lib/rabbitmq",
    env={"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-rabbit consumer_timeout {CONSUMER_TIMEOUT_MS}"},
)
REDIS = Image(
    "redis:8",
    inner_port=6379,
    data="/data",
    arguments=(
        *("redis-server", "--appendonly", "yes", "--appendfsync", "everysec"),
        *("--save", "", "--maxmemory-policy", "noeviction"),
        *("--stream-node-max-bytes", "1024", "--rdbcompression", "no"),
        *("--auto-aof-rewrite-min-size", "128mb"),
    ),
)


class ContainerNode:
    """One container with a named volume; its port stays the same across restarts."""

    def __init__(self, image: Image, *, name: str, port: int) -> None:
        """Describe it; nothing starts."""
        self.image = image
        self.name = name
        self.port = port

    @property
    def url(self) -> str:
        """Where clients find it."""
        if self.image is RABBITMQ:
            return f"amqp://guest:guest@{LOOPBACK}:{self.port}/%2F"
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process id on the host, None while it is down."""
        listed = docker(["ps", "--all", "--quiet", "--filter", f"name=^{self.name}$"])
        if not listed:
            return None
        return int(docker(["inspect", "--format", "{{.State.Pid}}", self.name])) or None

    @property
    def is_running(self) -> bool:
        """Whether it lives; a paused one lives too."""
        return self.pid is not None

    def start(self, within: float = BOOT_SECONDS) -> None:
        """Start it, if it is down, and return when it answers.

        Raises:
            HouseError: the engine refuses.
            NotReadyError: it does not answer after `within` seconds.
        """
        if not self.is_running:
            docker(["rm", "--force", self.name])
            docker(self._run_arguments(), within=within)
        silent = f"container {self.name} does not answer"
        wait_until(self.answers, within=within, otherwise=silent)

    def stop(self, within: float = STOP_SECONDS) -> None:
        """End it cleanly, by force after `within` seconds. Its volume stays."""
        docker(["stop", "--time", str(int(within)), self.name])
        docker(["rm", "--force", self.name])

    def kill(self) -> None:
        """End it with SIGKILL. Its volume stays."""
        docker(["rm", "--force", self.name])

    def freeze(self) -> None:
        """Stop it in mid-step."""
        docker(["pause", self.name])

    def thaw(self) -> None:
        """Let it go on."""
        docker(["unpause", self.name])

    def wipe(self) -> None:
        """End it and forget everything it has stored."""
        docker(["rm", "--force", self.name])
        docker(["volume", "rm", "--force", self.name])

    def answers(self) -> bool:
        """Tell whether it serves clients now."""
        if self.image is RABBITMQ:
            return speaks_amqp(self.port)
        return command(self.port, "PING") == "+PONG"

    def _run_arguments(self) -> list[str]:
        env = [word for k, v in self.image.env.items() for word in ("--env", f"{k}={v}")]
        return [
            *("run", "--detach", "--name", self.name, "--hostname", self.name),
            *("--publish", f"{LOOPBACK}:{self.port}:{self.image.inner_port}"),
            *("--volume", f"{self.name}:{self.image.data}"),
            *env,
            self.image.name,
            *self.image.arguments,
        ]
