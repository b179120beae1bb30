"""One of the watching programs: a distribution's own binary on a loopback port."""

import http.client
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.deadline import holds
from deploy.local.errors import HouseError, NotReadyError
from deploy.local.ports import LOOPBACK
from deploy.local.process import Process

STOP_SECONDS = 10.0
PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Kind:
    """What to run and how it says that it is ready."""

    name: str
    package: str  # Debian's
    binaries: Sequence[str]  # Debian's name first, then its makers'
    ready: str
    usual_port: int

    @property
    def binary(self) -> str | None:
        """Where it is installed, None where it is not."""
        return next(filter(None, map(shutil.which, self.binaries)), None)


PROMETHEUS = Kind("prometheus", "prometheus", ("prometheus",), "/-/ready", 9090)
ALERTMANAGER = Kind(
    name="alertmanager",
    package="prometheus-alertmanager",
    binaries=("prometheus-alertmanager", "alertmanager"),
    ready="/-/ready",
    usual_port=9093,
)
REDIS_EXPORTER = Kind(
    name="redis-exporter",
    package="prometheus-redis-exporter",
    binaries=("prometheus-redis-exporter", "redis_exporter"),
    ready="/health",
    usual_port=9121,
)
KINDS = (ALERTMANAGER, REDIS_EXPORTER, PROMETHEUS)


@dataclass
class Program:
    """One process of a kind; an earlier one of this house is adopted if it lives."""

    kind: Kind
    root: Path
    port: int
    arguments: Sequence[str]
    env: Callable[[], Mapping[str, str]]  # asked at its start

    def __post_init__(self) -> None:
        """Find an earlier one."""
        log = self.root / "logs" / f"{self.kind.name}.log"
        self.process = Process(self.kind.name, run=self.root / "run", log=log)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, within: float) -> None:
        """Start it, if it is down, and return when it is ready.

        Raises:
            HouseError: it is not installed.
            NotReadyError: it died or is not ready after `within` seconds.
        """
        if not self.process.is_running:
            self.process.start(self._command(), env=os.environ | self.env(), cwd=self.root)
        holds(lambda: self.is_ready or not self.process.is_running, within=within)
        if not self.is_ready:
            message = f"{self.kind.name} did not start: {self.process.last_words(lines=2)}"
            raise NotReadyError(message)

    def stop(self) -> None:
        """End it cleanly."""
        self.process.stop(within=STOP_SECONDS)

    @property
    def is_ready(self) -> bool:
        """Whether it lives and serves now."""
        if not self.process.is_running:
            return False
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", self.kind.ready)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _command(self) -> list[str]:
        binary = self.kind.binary
        if binary is None:
            message = f"no {self.kind.name} here: sudo apt-get install {self.kind.package}"
            raise HouseError(message)
        return [binary, f"--web.listen-address={LOOPBACK}:{self.port}", *self.arguments]
