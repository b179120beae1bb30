"""One house at work, its Prometheus and Alertmanager with the real rules, and a pager."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.house import House, Ports
from deploy.local.lookout.lookout import Lookout
from deploy.local.lookout.program import ALERTMANAGER, PROMETHEUS, Kind
from deploy.local.service import REPO
from tests.drill.jobs import BROKEN
from tests.drill.pager import Pager
from tests.eventually import eventually
from tests.faults.sabotage import copy_of_the_code
from tests.raw_websocket import TEXT, Wire

EVERY_SECONDS = 15  # as deploy/observability/prometheus/prometheus.yml has it
GAP_SECONDS = 0.5  # between two submits
PATIENCE_SECONDS = 5.0
BUFFER_BYTES = 4096
KNOWN_SECONDS = 20.0
HELLO = {"type": "hello", "version": 1}


class Site:
    """A house under a steady little load, with one watcher of all that happens."""

    def __init__(self, root: Path) -> None:
        """Describe it; nothing starts."""
        self.root = root
        self.broken = root / "broken"
        self.types = ["drill.fine"]  # submitted in turn
        self.pager = Pager()
        # A copy: what is restarted in the middle must be what was started.
        self._code = copy_of_the_code(root / "code")
        self.house = House(
            root, env=self._env(WAYMARK_QUEUES="default"), ports=Ports.free(), code=self._code
        )
        self.lookout = Lookout(
            self.house,
            ports=Lookout.free_ports(),
            every_seconds=EVERY_SECONDS,
            calls=self.pager.url,
        )
        self._ends = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stalled: list[socket.socket] = []

    def start(self) -> None:
        """Start all of it."""
        self.pager.listen()
        self.house.start()
        self.lookout.start()
        for work in (self._submit_for_ever, self._watch_for_ever):
            self._threads.append(threading.Thread(target=work, daemon=True))
            self._threads[-1].start()

    def end(self) -> None:
        """End what was started."""
        self._ends.set()
        for thread in self._threads:
            thread.join(timeout=2 * PATIENCE_SECONDS)
        self.lookout.kill()
        self.house.kill()
        self.pager.hang_up()

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Connections with the tenant's key."""
        headers = {"Authorization": f"Bearer {self.house.keys.tenant}"}
        with httpx.Client(
            base_url=self.house.url, headers=headers, timeout=PATIENCE_SECONDS
        ) as http:
            yield http

    def submit(self, kind: str) -> None:
        """Submit a job until it is accepted: a new type takes seconds to be known."""
        with self.client() as http:
            eventually(
                lambda: http.post("/v1/jobs", json={"type": kind, "payload": {}}).is_success,
                within=KNOWN_SECONDS,
            )

    def staff_the_spare_queue(self) -> None:
        """Start a second worker, for the queue that the first does not serve."""
        env = self._env(WAYMARK_QUEUES="drill-spare")
        self.house = House(self.root, env=env, ports=self.house.ports, workers=2, code=self._code)
        self.house.start()
        self.lookout = Lookout(self.house, every_seconds=EVERY_SECONDS, calls=self.pager.url)
        self.lookout.aim()

    def without_the_alert(self, name: str) -> None:
        """Let Prometheus read its rules anew, without the file of this alert."""
        link = self.lookout.folder / "prometheus" / "alerts"
        source = link.resolve()
        link.unlink()
        link.mkdir()
        for file in source.glob("*.yml"):
            if not any(f"alert: {name}" in line for line in file.read_text().splitlines()):
                (link / file.name).symlink_to(file)
        self._read_anew(PROMETHEUS)
        eventually(lambda: name not in self.alerts and "Watchdog" in self.alerts, within=20.0)

    def without_inhibition(self) -> None:
        """Let Alertmanager read its configuration anew, without what holds consequences back."""
        file = self.lookout.folder / "alertmanager.yml"
        before, _, rest = file.read_text().partition("inhibit_rules:")
        _, _, receivers = rest.partition("receivers:")
        file.write_text(f"{before}receivers:{receivers}")
        self._read_anew(ALERTMANAGER)
        eventually(lambda: "inhibit_rules:" not in self._alertmanager_reads(), within=20.0)

    @property
    def alerts(self) -> set[str]:
        """The names of the alerts that Prometheus knows."""
        answer = httpx.get(f"{self.lookout.url}/api/v1/rules?type=alert", timeout=PATIENCE_SECONDS)
        groups = answer.raise_for_status().json()["data"]["groups"]
        return {rule["name"] for group in groups for rule in group["rules"]}

    def stall_watchers(self, count: int) -> None:
        """Open streams of the tenant's feed whose clients never read again."""
        for _ in range(count):
            wire = Wire(self._notifier_port)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._greet(wire)
            self._stalled.append(wire.socket)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Ask Prometheus; return the series."""
        answer = httpx.get(
            f"{self.lookout.url}/api/v1/query", params={"query": query}, timeout=PATIENCE_SECONDS
        )
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found

    def _read_anew(self, kind: Kind) -> None:
        program = next(each for each in self.lookout.programs if each.kind is kind)
        program.process.signal(signal.SIGHUP)

    def _alertmanager_reads(self) -> str:
        url = f"{self.lookout.alertmanager_url}/api/v2/status"
        answer = httpx.get(url, timeout=PATIENCE_SECONDS).raise_for_status()
        return str(answer.json()["config"]["original"])

    @property
    def _notifier_port(self) -> int:
        port = self.house.service("notifier").port
        assert port is not None
        return port

    def _env(self, **settings: str) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
        return {
            **inherited,
            "PYTHONPATH": str(REPO),
            "WAYMARK_NODES": "private",
            "WAYMARK_JOBS": "tests.drill.jobs",
            "WAYMARK_SLOTS": "2",
            "WAYMARK_DRAIN_SECONDS": "5",
            BROKEN: str(self.broken),
            **settings,
        }

    def _submit_for_ever(self) -> None:
        turn = 0
        with self.client() as http:
            while not self._ends.wait(GAP_SECONDS):
                turn += 1
                kind = self.types[turn % len(self.types)]
                try:
                    http.post("/v1/jobs", json={"type": kind, "payload": {}})
                except httpx.TransportError:
                    continue  # what is broken is the drill's business, not the load's

    def _watch_for_ever(self) -> None:
        while not self._ends.wait(1.0):
            try:
                with Wire(self._notifier_port) as wire:
                    self._greet(wire)
                    self._read(wire)
            except (OSError, AssertionError, httpx.HTTPError):
                continue

    def _read(self, wire: Wire) -> None:
        wire.socket.settimeout(60.0)
        while not self._ends.is_set():
            _, body = wire.receive()
            if body.startswith(b'{"type":"ping"'):
                wire.send(TEXT, b'{"type":"pong"}')

    def _greet(self, wire: Wire) -> None:
        with self.client() as http:
            answer = http.post("/v1/tokens", json={"feed": True, "ttl_seconds": 3600})
        token = answer.raise_for_status().json()["token"]
        wire.shake()
        hello = HELLO | {"token": token, "subscriptions": [{"feed": True}]}
        wire.send(TEXT, json.dumps(hello).encode())
