"""What every private node can do, whether it is a process or a container."""

from typing import Protocol


class Node(Protocol):
    """A RabbitMQ or a Redis of our own, on ports that outlive its restarts."""

    @property
    def url(self) -> str:
        """Where clients find it; the same after every restart."""

    @property
    def pid(self) -> int | None:
        """The process id, None while it is down."""

    @property
    def is_running(self) -> bool:
        """Whether it lives; a frozen one lives too."""

    def answers(self) -> bool:
        """Whether it serves clients now."""

    def start(self, within: float = ...) -> None:
        """Start it, if it is down, and return when it answers.

        Raises:
            NotReadyError: it does not answer after `within` seconds.
        """

    def stop(self, within: float = ...) -> None:
        """End it cleanly, by force after `within` seconds. Its files stay."""

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL). Its files stay."""

    def freeze(self) -> None:
        """Stop it in mid-step: connections stay open, nothing answers."""

    def thaw(self) -> None:
        """Let a frozen node go on."""

    def wipe(self) -> None:
        """End it and forget everything it has stored; `start` gives an empty one."""
