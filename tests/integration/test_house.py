"""The house starts, is found again, loses single processes and gets them back.

Its services are stand-ins here (tests/e2e has the real ones) and its nodes are foreign ones.
"""

import hashlib
import json
import os
import signal
import socket
import textwrap
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import NotReadyError, PortTakenError
from deploy.local.house import House, Ports
from deploy.local.process import birth_mark

STAND_IN = """
    import http.server, json, os, signal, sys
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            seen = {k: v for k, v in os.environ.items() if k.startswith("WAYMARK_")}
            self.wfile.write(json.dumps(seen).encode())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ[f"WAYMARK_{sys.argv[0].split('/')[-1][:-3].upper()}_PORT"])
    http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
ENV = {
    "PATH": os.environ["PATH"],
    "WAYMARK_AMQP_URL": "amqp://elsewhere",
    "WAYMARK_REDIS_URL": "redis://elsewhere",
    "WAYMARK_SLOTS": "7",
}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    services = tmp_path / "code" / "services"
    services.mkdir(parents=True)
    for kind in ("gateway", "worker", "notifier"):
        (services / f"{kind}.py").write_text(textwrap.dedent(STAND_IN))
    return services.parent


@pytest.fixture
def house(nodes_folder: Path, tmp_path: Path, code: Path) -> Iterator[House]:
    root = nodes_folder / tmp_path.name
    with House(root, env=ENV, ports=Ports.free(), workers=2, code=code) as house:
        yield house


def test_everything_is_ready_and_every_setting_reaches_every_service(house: House) -> None:
    assert [each.name for each in house.services] == ["gateway", "worker", "worker.2", "notifier"]
    for service in house.services:
        seen = _environment_of(service.url)
        assert seen["WAYMARK_SLOTS"] == "7"
        assert seen["WAYMARK_AMQP_URL"] == "amqp://elsewhere"
        assert seen["WAYMARK_URL"] == house.url
        assert seen[service.port_setting] == str(service.port)


def test_the_pid_file_names_the_process(house: House) -> None:
    second = house.service("worker.2")

    assert int((house.root / "run" / "worker.2.pid").read_text()) == second.pid


def test_up_again_starts_only_what_is_not_running(house: House, code: Path) -> None:
    before = {each.name: each.pid for each in house.services}
    lost = house.service("worker")
    assert lost.pid is not None
    os.kill(lost.pid, signal.SIGKILL)
    lost.process.wait_gone(within=5)

    again = House(house.root, env=ENV, ports=house.ports, workers=2, code=code)
    again.start()

    after = {each.name: each.pid for each in again.services}
    assert after.pop("worker") != before.pop("worker")
    assert after == before


def test_a_killed_service_comes_back_on_its_port(house: House) -> None:
    service = house.service("gateway")
    port, pid = service.port, service.pid

    service.kill()
    assert not service.is_ready
    service.start()

    assert service.port == port
    assert service.pid != pid


def test_down_stops_what_another_up_has_started(house: House, code: Path) -> None:
    pids = [each.pid for each in house.services if each.pid]

    House(house.root, env=ENV, ports=house.ports, code=code).stop()

    assert len(pids) == 4
    assert not any(birth_mark(pid) for pid in pids)


def test_a_stranger_with_our_pid_is_left_alone(house: House) -> None:
    house.service("gateway").kill()
    run = house.root / "run"
    (run / "gateway.pid").write_text(f"{os.getpid()}\n")
    (run / "gateway.birth").write_text("another boot, another process")

    stranger = House(house.root, env=ENV, ports=house.ports).service("gateway")
    stranger.kill()

    assert stranger.pid is None


def test_a_taken_port_is_refused_by_name(tmp_path: Path, code: Path) -> None:
    ports = Ports.free()
    with socket.create_server(("127.0.0.1", ports.gateway)):
        house = House(tmp_path / "house", env=ENV, ports=ports, code=code)

        with pytest.raises(PortTakenError, match="set WAYMARK_GATEWAY_PORT"):
            house.start()


def test_a_service_that_dies_at_its_start_says_why(tmp_path: Path, code: Path) -> None:
    (code / "services" / "gateway.py").write_text("raise SystemExit('no such setting')")
    house = House(tmp_path / "house", env=ENV, ports=Ports.free(), code=code)

    with pytest.raises(NotReadyError, match="gateway died at its start: no such setting"):
        house.start()

    house.stop()


def test_the_dead_are_blamed_and_not_those_who_wait_for_them(tmp_path: Path, code: Path) -> None:
    waits = (code / "services" / "gateway.py").read_text().replace("200", "503")
    (code / "services" / "gateway.py").write_text(waits)
    (code / "services" / "worker.py").write_text("raise SystemExit('no job types')")
    house = House(tmp_path / "house", env=ENV, ports=Ports.free(), code=code)

    with pytest.raises(NotReadyError, match="worker died at its start: no job types"):
        house.start()

    house.stop()


def test_the_keys_file_holds_hashes_of_the_keys_in_dev_env(house: House) -> None:
    entries = {each["id"]: each for each in json.loads((house.root / "keys.json").read_text())}

    for name, tenant in (("WAYMARK_API_KEY", "dev"), ("WAYMARK_PLATFORM_KEY", "*")):
        _, key_id, secret = house.dev_env[name].split("_")
        entry = entries[key_id]
        assert entry["tenant"] == tenant
        assert entry["scopes"] == ["submit", "read", "operate"]
        assert entry["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest()
        assert secret not in (house.root / "keys.json").read_text()


def test_dev_env_is_for_its_owner_only(house: House) -> None:
    for name in ("dev.env", "token.secret", "webhook.secret", "dev.key", "platform.key"):
        assert (house.root / name).stat().st_mode & 0o077 == 0, name


def _environment_of(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:
        seen: dict[str, str] = json.load(answer)
    return seen
