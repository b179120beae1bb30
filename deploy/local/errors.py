"""What can go wrong on a bare machine, each as one line a person can act on."""


class HouseError(Exception):
    """The house cannot do what it was told; the text is the one line to print."""


class PortTakenError(HouseError):
    """A port that was asked for by name belongs to somebody else."""

    def __init__(self, port: int, setting: str) -> None:
        """Name the port and the setting that chooses another one."""
        super().__init__(f"port {port} is taken; free it or set {setting} to another port")
        self.port = port
        self.setting = setting


class NotReadyError(HouseError):
    """Something did not become a fact before its deadline."""


class NoNodesError(HouseError):
    """No way to get a RabbitMQ and a Redis on this machine."""
