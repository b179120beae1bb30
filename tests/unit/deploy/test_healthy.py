"""The images' health check, as a container runs it: alone, without the house."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from deploy.local.ports import free_port
from tests.architecture.sources import REPO

SCRIPT = REPO / "deploy" / "docker" / "healthy.py"


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/live" else 503)
        self.end_headers()
        self.wfile.write(b'{"checks": {"redis": "does not answer"}}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check(path: str, default: int, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-IS", str(SCRIPT), path, "WAYMARK_GATEWAY_PORT", str(default)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_a_service_that_answers_well_is_healthy(port: int) -> None:
    assert check("/live", port).returncode == 0


def test_one_that_is_not_ready_is_not_and_says_why(port: int) -> None:
    told = check("/ready", port)

    assert told.returncode == 1
    assert "redis" in told.stderr


def test_where_nothing_answers_nothing_is_healthy() -> None:
    told = check("/live", free_port())

    assert told.returncode == 1
    assert "nothing answers" in told.stderr


def test_the_setting_says_where_it_listens(port: int) -> None:
    assert check("/live", free_port(), WAYMARK_GATEWAY_PORT=str(port)).returncode == 0
