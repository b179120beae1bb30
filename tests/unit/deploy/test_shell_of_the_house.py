"""The house from a shell: what is wrong is one line, whatever it is."""

import http.server
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from deploy.local.errors import HouseError
from deploy.local.house import House, Ports
from deploy.local.service import REPO, Service, stop_together
from tests.eventually import eventually


class Yes(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def shell(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=REPO,
        env={"PATH": os.environ["PATH"]} | settings,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("text", ["0", "65536", "80000", "x", "-1", "8000.5"])
def test_a_port_that_is_none_is_refused_by_its_setting(text: str) -> None:
    with pytest.raises(HouseError, match="WAYMARK_WORKER_PORT must be a "):
        Ports.from_env({"WAYMARK_WORKER_PORT": text})


def test_two_services_on_one_port_are_refused_by_both_settings() -> None:
    with pytest.raises(HouseError, match="WAYMARK_GATEWAY_PORT and WAYMARK_NOTIFIER_PORT"):
        Ports.from_env({"WAYMARK_GATEWAY_PORT": "8001"})


def test_a_wrong_setting_is_one_line_and_exit_code_1() -> None:
    done = shell("status", WAYMARK_GATEWAY_PORT="80000")

    assert done.returncode == 1
    assert done.stderr == "waymark: WAYMARK_GATEWAY_PORT must be a port, 1 to 65535, not 80000\n"


def test_a_reader_that_has_gone_gets_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody_reads:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.local", "status"],
            cwd=REPO,
            env={"PATH": os.environ["PATH"]},
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )

    assert (done.returncode, done.stderr) == (141, "")


def test_a_stop_grants_the_drain_that_the_worker_was_told(tmp_path: Path) -> None:
    for told, granted in (("1.5", 1.5), ("", 30.0), ("soon", 30.0)):
        house = House(tmp_path, env={"WAYMARK_DRAIN_SECONDS": told})

        assert house.drain_seconds == granted


def test_one_that_is_not_running_is_not_ready_whoever_answers_on_its_port(tmp_path: Path) -> None:
    service = Service("gateway", root=tmp_path, env=dict)
    (tmp_path / "run").mkdir()
    with http.server.HTTPServer(("127.0.0.1", 0), Yes) as stranger:
        threading.Thread(target=stranger.handle_request).start()
        (tmp_path / "run" / "gateway.port").write_text(f"{stranger.server_port}\n")

        assert not service.is_ready

        urllib.request.urlopen(f"{service.url}/ready", timeout=5).close()


def test_services_are_listed_by_kind_and_number(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("notifier.2", "worker.10", "worker.2"):
        (tmp_path / "run" / f"{name}.port").write_text("9000\n")

    names = [each.name for each in House(tmp_path, env={}).services]

    assert names == ["gateway", "worker", "worker.2", "worker.10", "notifier", "notifier.2"]


WAITS_FOR_THE_OTHER = """
trap 'touch heard.$0; while [ ! -e heard.$1 ]; do sleep 0.02; done; touch went.$0; exit' TERM
touch up.$0
while :; do sleep 0.02; done
"""


def test_services_of_a_kind_are_stopped_together(tmp_path: Path) -> None:
    services = [Service(name, root=tmp_path, env=dict) for name in ("notifier", "notifier.2")]
    (tmp_path / "run").mkdir()
    for service, (own, other) in zip(services, (("1", "2"), ("2", "1")), strict=True):
        command = ["sh", "-c", WAITS_FOR_THE_OTHER, own, other]
        service.process.start(command, env=os.environ, cwd=tmp_path)
    eventually(lambda: {file.name for file in tmp_path.glob("up.*")} == {"up.1", "up.2"})

    stop_together(services, within=5)

    assert {file.name for file in tmp_path.glob("went.*")} == {"went.1", "went.2"}
    assert not any(service.process.is_running for service in services)
