"""One process of the house: started as `python -m services.<kind>`, ready when /ready says so."""

import http.client
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.deadline import holds
from deploy.local.errors import NotReadyError
from deploy.local.ports import LOOPBACK, next_free, require_free
from deploy.local.process import Process

REPO = Path(__file__).resolve().parents[2]
BOOT_SECONDS = 60.0
PROBE_SECONDS = 2.0
# A deploy lets work finish; the process gets this long beyond its own drain before it is killed.
GRACE_SECONDS = 15.0


class Service:
    """A gateway, worker or notifier; `name` is its kind, or `<kind>.2` and so on."""

    def __init__(
        self, name: str, *, root: Path, env: Callable[[], Mapping[str, str]], code: Path = REPO
    ) -> None:
        """Describe it; one that already runs in this root is adopted.

        Args:
            name: which one.
            root: the house's folder.
            env: what the process shall see; asked at each start.
            code: the folder that holds the package `services`.
        """
        self.name = name
        self.kind, _, number = name.partition(".")
        self.is_first = not number
        self.process = Process(name, run=root / "run", log=root / "logs" / f"{name}.log")
        self._env = env
        self._code = code
        self._port_file = root / "run" / f"{name}.port"

    @property
    def port_setting(self) -> str:
        """The setting that says where it listens."""
        return f"WAYMARK_{self.kind.upper()}_PORT"

    @property
    def port(self) -> int | None:
        """Where it listens or listened last, None before its first start."""
        return int(self._port_file.read_text()) if self._port_file.exists() else None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id, None while it is down."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives; a frozen one lives too."""
        return self.process.is_running

    @property
    def is_ready(self) -> bool:
        """Whether it lives and /ready answers 200 now; a stranger on its port does not count."""
        if self.port is None or not self.is_running:
            return False
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def choose_port(self, wanted: int, *, taken: set[int]) -> int:
        """Settle on a port: the wanted one for the first of a kind, a free one from it upwards.

        Raises:
            PortTakenError: the wanted port belongs to somebody else.
        """
        if self.is_running and self.port is not None:
            return self.port
        if self.is_first:
            port = require_free(wanted, setting=self.port_setting)
        else:
            port = next_free(wanted + 1, taken=taken)
        self._port_file.parent.mkdir(parents=True, exist_ok=True)
        self._port_file.write_text(f"{port}\n")
        return port

    def launch(self) -> None:
        """Start the process, if it is down, and return at once.

        Raises:
            HouseError: it cannot be run.
        """
        if not self.is_running:
            command = [sys.executable, "-m", f"services.{self.kind}"]
            env = {**self._env(), self.port_setting: str(self.port)}
            self.process.start(command, env=env, cwd=self._code)

    def wait_ready(self, within: float = BOOT_SECONDS) -> None:
        """Wait until /ready answers 200.

        Raises:
            NotReadyError: it died, or is not ready after `within` seconds; names the log.
        """
        holds(lambda: self.is_ready or not self.is_running, within=within)
        self.require_ready(after=within)

    def require_ready(self, after: float) -> None:
        """Look whether it is ready now; it has had `after` seconds.

        Raises:
            NotReadyError: it died, or is not ready; names the log.
        """
        if not self.is_running:
            last = self.process.last_words(lines=1)
            message = f"{self.name} died at its start: {last} (see {self.process.log})"
            raise NotReadyError(message)
        if not self.is_ready:
            message = f"{self.name} is not ready after {after:g} s; see {self.process.log}"
            raise NotReadyError(message)

    def start(self, within: float = BOOT_SECONDS) -> None:
        """Start it on the port it had and wait until it is ready.

        Raises:
            HouseError: it cannot be run, died, or is not ready in time.
        """
        self.launch()
        self.wait_ready(within)

    def stop(self, within: float = GRACE_SECONDS) -> bool:
        """Send SIGTERM and wait; SIGKILL after `within` seconds. Tell whether it went by itself."""
        return self.process.stop(within=within)

    def forget_unless_first(self) -> None:
        """Give back the port of a second or third one: the next `up` may want fewer of its kind."""
        if not self.is_first:
            self._port_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End this process alone with SIGKILL; its children are its own business."""
        self.process.kill()

    def freeze(self) -> None:
        """Stop it in mid-step (SIGSTOP)."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.process.thaw()

    def restart(self, within: float = BOOT_SECONDS) -> None:
        """Deploy it: SIGTERM, wait for its end, start again on the same port.

        Raises:
            HouseError: it does not come back in time.
        """
        self.stop(within)
        self.start(within)

    def log_text(self) -> str:
        """Return everything it has logged so far."""
        log = self.process.log
        return log.read_text(errors="replace") if log.exists() else ""


def stop_together(services: Sequence[Service], within: float) -> None:
    """Stop services of a kind: each has a drain of its own, and nobody waits for another's."""
    for service in services:
        service.process.ask_to_end()
    for service in services:
        service.process.end(within=within)
