"""A private RabbitMQ as an ordinary process, beside any other on the machine.

It runs the package's own start script: the one on PATH switches the user and the data folder.
The script is made to `exec` the Erlang VM, so the pid we started is the VM: a kill is a kill.
"""

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.deadline import holds
from deploy.local.errors import HouseError, NotReadyError
from deploy.local.ports import LOOPBACK, free_port, free_ports
from deploy.local.process import Process

BOOT_SECONDS = 60.0  # measured 5 s alone on two cores
STOP_SECONDS = 30.0
EPMD_SECONDS = 5.0
CTL_SECONDS = 30.0
ANSWER_SECONDS = 1.0
CONSUMER_TIMEOUT_MS = 172_800_000  # 48 h: no delivery of ours may be taken back for being long
DISK_FREE_LIMIT = "64MB"  # the default raises an alarm on small machines
HANDSHAKE = b"AMQP\x00\x00\x09\x01"
SCRIPTS = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/homebrew/sbin"), Path("/usr/local/sbin"))
# The VM may not spin while idle: the machine is shared with everything under test.
ERLANG_ARGUMENTS = (
    "-noinput +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
)
# Here and not in rabbitmq.conf, whose reader refuses settings of a plugin that is not enabled.
METRICS_LISTENER = (
    '[{{rabbitmq_prometheus, [{{tcp_config, [{{ip, "127.0.0.1"}}, {{port, {port}}}]}}]}}].\n'
)


@dataclass(frozen=True)
class RabbitPorts:
    """The ports of a node: clients, Erlang distribution, its own name server, its metrics."""

    amqp: int
    distribution: int
    epmd: int
    metrics: int = field(default_factory=free_port)

    @classmethod
    def free(cls) -> "RabbitPorts":
        """Choose four free ones."""
        return cls(*free_ports(4))


class RabbitNode:
    """One RabbitMQ in a folder of its own; ports and node name outlive its restarts."""

    def __init__(
        self, folder: Path, *, ports: RabbitPorts | None = None, run: Path | None = None
    ) -> None:
        """Describe it; nothing starts and no file is written."""
        self.folder = folder
        self.ports = ports or RabbitPorts.free()
        self.process = Process("rabbitmq", run=run or folder, log=folder / "rabbitmq.log")
        # A name server of our own: the shared one would outlive us and mix up equal node names.
        self._epmd = Process("epmd", run=run or folder, log=folder / "epmd.log")

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.ports.amqp}/%2F"

    @property
    def port(self) -> int:
        """The port for clients."""
        return self.ports.amqp

    @property
    def pid(self) -> int | None:
        """The process id of the Erlang VM, None while it is down."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives; a frozen one lives too."""
        return self.process.is_running

    @property
    def node_name(self) -> str:
        """The Erlang node name: one per folder, so that data is found again."""
        digest = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()
        return f"waymark-{digest[:10]}@localhost"

    def start(self, within: float = BOOT_SECONDS) -> None:
        """Start it, if it is down, and return when it speaks AMQP.

        Raises:
            HouseError: RabbitMQ is missing.
            NotReadyError: it died or does not answer after `within` seconds.
        """
        if not self.is_running:
            self._write_files()
            self._start_epmd()
            self.process.start([str(script("rabbitmq-server"))], env=self.env, cwd=self.folder)
        holds(lambda: self.answers() or not self.is_running, within=within)
        if not self.answers():
            message = f"rabbitmq did not start: {self.process.last_words()}"
            raise NotReadyError(message)

    def stop(self, within: float = STOP_SECONDS) -> None:
        """End it cleanly; the VM shuts its queues down on SIGTERM."""
        self.process.stop(within=within)
        self._epmd.stop(within=EPMD_SECONDS)

    def kill(self) -> None:
        """End it as a power cut of this process would (SIGKILL)."""
        self.process.kill()
        self._epmd.kill()

    def freeze(self) -> None:
        """Stop it in mid-step (SIGSTOP)."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self.process.thaw()

    def wipe(self) -> None:
        """End it and forget every queue and message."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def answers(self) -> bool:
        """Tell whether it opens an AMQP connection now."""
        return speaks_amqp(self.ports.amqp)

    def ctl(self, *arguments: str, within: float = CTL_SECONDS) -> str:
        """Run rabbitmqctl against this node and return what it prints.

        Raises:
            HouseError: it failed; the text is its own.
            subprocess.TimeoutExpired: it took longer than `within` seconds.
        """
        # A file and not a pipe: a daemon that ctl leaves behind must not keep us waiting.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(script("rabbitmqctl")), "--node", self.node_name, "--quiet", *arguments],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=within,
                check=False,
            )
            output.seek(0)
            text = output.read().decode(errors="replace")
        if done.returncode != 0:
            message = f"rabbitmqctl {' '.join(arguments)}: {text.strip()}"
            raise HouseError(message)
        return text

    def new_vhost(self, name: str) -> str:
        """Add an empty virtual host that guest may use; return its URL.

        Raises:
            HouseError: the node is down.
        """
        quoted = f'<<"{name}">>'
        everything = '<<".*">>, <<".*">>, <<".*">>'
        self.ctl(
            "eval",
            f'ok = rabbit_vhost:add({quoted}, <<"test">>), '
            f"rabbit_auth_backend_internal:set_permissions("
            f'<<"guest">>, {quoted}, {everything}, <<"test">>).',
        )
        return self.url.replace("%2F", name)

    def open_metrics(self) -> None:
        """Serve /metrics on its port from now on, also after a restart.

        Not from the start: the plugin costs each start 2 s, and tests start hundreds of nodes.

        Raises:
            HouseError: the node is down, or was started before it had such a port.
        """
        if self._listener.read_text() != METRICS_LISTENER.format(port=self.ports.metrics):
            message = "this RabbitMQ was started by an older house: `make down` first"
            raise HouseError(message)
        self._plugins.write_text("[rabbitmq_prometheus].\n")
        self.ctl("eval", f'rabbit_plugins:ensure("{self._plugins}").')

    def sync(self) -> None:
        """Write to disk which quorum queues exist.

        The broker confirms messages after an fsync, but the list of its quorum queues only about
        every 0.5 s: killed before that, a new queue comes back dead (seen on 3.10.8: basic.get
        times out after 60 s). Call it between declaring a queue and killing the node.

        Raises:
            HouseError: the node is down.
        """
        self.ctl("eval", "[ok = dets:sync(Table) || Table <- dets:all()].")

    @property
    def env(self) -> dict[str, str]:
        """What the node and its tools need to see, and nothing of another RabbitMQ."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RABBITMQ_")}
        folder = self.folder.resolve()
        return inherited | {
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "RABBITMQ_NODENAME": self.node_name,
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._listener),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._plugins),
            "RABBITMQ_PID_FILE": str(folder / "vm.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGUMENTS,
            # With input "allowed" the script execs the VM instead of waiting for it as a parent;
            # -noinput above then takes the input away again.
            "RABBITMQ_ALLOW_INPUT": "1",
        }

    @property
    def _plugins(self) -> Path:
        return self.folder.resolve() / "enabled_plugins"

    @property
    def _listener(self) -> Path:
        return self.folder.resolve() / "advanced.config"

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        contents = {
            "rabbitmq.conf": (
                f"listeners.tcp.default = {LOOPBACK}:{self.ports.amqp}\n"
                f"consumer_timeout = {CONSUMER_TIMEOUT_MS}\n"
                f"disk_free_limit.absolute = {DISK_FREE_LIMIT}\n"
            ),
            "rabbitmq-env.conf": "",
            self._listener.name: METRICS_LISTENER.format(port=self.ports.metrics),
        }
        for name, text in contents.items():
            (self.folder / name).write_text(text)
        if not self._plugins.exists():
            self._plugins.write_text("[].\n")
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)

    def _start_epmd(self) -> None:
        program = shutil.which("epmd")
        if program is None or self._epmd.is_running:
            return  # without one on PATH the VM brings its own
        self._epmd.start([program, "-port", str(self.ports.epmd)], env=self.env, cwd=self.folder)


def script(name: str) -> Path:
    """Find a start script that does not switch the user.

    Raises:
        HouseError: RabbitMQ is not installed.
    """
    for folder in SCRIPTS:
        if (folder / name).exists():
            return folder / name
    message = "rabbitmq-server is not installed"
    raise HouseError(message)


def speaks_amqp(port: int) -> bool:
    """Tell whether a broker on this local port opens an AMQP connection now."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(HANDSHAKE)
            return connection.recv(1) == b"\x01"  # a method frame: connection.start
    except OSError:
        return False
