"""Where Alertmanager calls: an HTTP server that writes down who was called by what, and when."""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGER, TICKETS, HEARTBEAT = "pager", "tickets", "heartbeat"  # receivers of alertmanager.yml


@dataclass(frozen=True)
class Call:
    """The first time that a receiver heard of an alert; `at` as time.monotonic()."""

    at: float
    receiver: str
    labels: dict[str, str]

    @property
    def alert(self) -> str:
        """Its name."""
        return self.labels["alertname"]


class Pager:
    """Listens on a free port of the loopback."""

    def __init__(self) -> None:
        """Nobody was called."""
        self._calls: list[Call] = []
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where to call; the receiver's name is the path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def calls(self) -> list[Call]:
        """Return all calls so far, in their order."""
        with self._lock:
            return list(self._calls)

    def note(self, receiver: str, told: dict[str, Any]) -> None:
        """Take in one notification: of each alert that fires, the first time counts."""
        with self._lock:
            for alert in told["alerts"]:
                key = (receiver, json.dumps(alert["labels"], sort_keys=True))
                if alert["status"] == "firing" and key not in self._known:
                    self._known.add(key)
                    self._calls.append(Call(time.monotonic(), receiver, alert["labels"]))

    def listen(self) -> None:
        """Take calls from now on."""
        self._thread.start()

    def hang_up(self) -> None:
        """Take none any more."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        note = self.note

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                note(self.path.strip("/"), told)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep the terminal for the verdict."""

        return Handler
