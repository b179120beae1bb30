"""The images, built from the Dockerfile and run as an engine runs them, on deploy/'s own nodes."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.ports import free_port
from tests.eventually import eventually
from tests.faults.image_yard import Container, Yard, why_not
from tests.integration.shipped import SERVICES, ShippedHouse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]

VERSION, REVISION = "9.9.9", "0123456789abcdef"
PORTS = {"gateway": 8000, "worker": 8002, "notifier": 8001}
FINAL = {"succeeded", "failed", "cancelled", "expired"}
STOP_SECONDS = 60.0


@pytest.fixture(scope="module")
def yard(nodes_folder: Path) -> Iterator[Yard]:
    yard = Yard(Path(tempfile.mkdtemp(prefix="images-", dir=nodes_folder)) / "yard")
    try:
        yard.have_base()
        yield yard
    finally:
        yard.close()


@pytest.fixture(scope="module")
def images(yard: Yard) -> Mapping[str, str]:
    built = {name: yard.build(name, version=VERSION, revision=REVISION) for name in SERVICES}
    return {**built, "our-worker": yard.build_example(built["worker"])}


@pytest.fixture(scope="module")
def roots(yard: Yard, images: Mapping[str, str]) -> Mapping[str, Path]:
    return {name: yard.root_of(image) for name, image in images.items()}


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_own_service_and_no_other(
    roots: Mapping[str, Path], service: str
) -> None:
    house = roots[service] / "opt" / "waymark"
    found = {file.name for file in (house / "services").iterdir()}
    tests = [file for file in house.rglob("*") if file.name in {"tests", "conftest.py"}]

    assert found == {"__init__.py", "__pycache__", service}
    assert [file for file in tests if "site-packages" not in file.parts] == []
    assert (house / "clients").exists() == (service == "gateway")
    assert not (house / "deploy").exists()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_no_tools(roots: Mapping[str, Path], service: str) -> None:
    root = roots[service]
    programs = {file.name for file in root.glob("usr/bin/*")} | {
        file.name for file in root.glob("opt/waymark/env/bin/*")
    }

    assert programs & {"pip", "pip3", "gcc", "cc", "make", "curl", "wget", "git"} == set()
    assert not list(root.glob("opt/waymark/env/lib/python3*/site-packages/pip"))


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_in_an_image_lends_the_rights_of_another(
    roots: Mapping[str, Path], service: str
) -> None:
    told = subprocess.run(
        ["find", str(roots[service]), "-xdev", "-type", "f", "-perm", "/6000"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert told.stdout == ""


@pytest.mark.parametrize("service", SERVICES)
def test_every_module_is_compiled_already(roots: Mapping[str, Path], service: str) -> None:
    house = roots[service] / "opt" / "waymark"
    modules = [*(house / "services").rglob("*.py"), *(house / "shared").rglob("*.py")]
    compiled = {file.name.split(".")[0] for file in house.rglob("*.cpython-311.pyc")}

    assert len(modules) > 100
    assert [file for file in modules if file.stem not in compiled] == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_who_it_is(yard: Yard, images: Mapping[str, str], service: str) -> None:
    config = yard.config(images[service])

    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["tini", "--", "python", "-m", f"services.{service}"]
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == [f"{PORTS[service]}/tcp"]
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    assert config["Labels"]["org.opencontainers.image.revision"] == REVISION
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]


class ContainedHouse:
    """deploy/'s nodes as processes; the services as containers of the images."""

    def __init__(self, folder: Path, yard: Yard, images: Mapping[str, str]) -> None:
        self.nodes = ShippedHouse(folder)
        self.ports = {name: free_port() for name in SERVICES}
        self._yard, self._images, self._folder = yard, images, folder
        self.containers: dict[str, Container] = {}

    def start(self, name: str, root: Path, *, service: str, **settings: str) -> Container:
        config = self._yard.config(self._images[name])
        container = Container(f"waymark-test-{name}", root, config, self._folder)
        env = {
            "WAYMARK_HOST": "127.0.0.1",
            f"WAYMARK_{service.upper()}_PORT": str(self.ports[service]),
            "WAYMARK_SECRETS_DIR": "/run/secrets",
            "WAYMARK_KEYS_FILE": "/run/secrets/keys.json",
            "WAYMARK_TOPOLOGY": "given",
            "WAYMARK_SLOTS": "2",
            "WAYMARK_OVERDUE_SECONDS": "2",
            **settings,
        }
        self.containers[name] = container
        container.start(env, {self.nodes.secrets / service: "/run/secrets"})
        return container

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def close(self) -> None:
        for container in self.containers.values():
            container.kill()
        self.nodes.close()


@pytest.fixture(scope="module")
def house(
    nodes_folder: Path, yard: Yard, images: Mapping[str, str], roots: Mapping[str, Path]
) -> Iterator[ContainedHouse]:
    folder = Path(tempfile.mkdtemp(prefix="contained-", dir=nodes_folder))
    house = ContainedHouse(folder, yard, images)
    try:
        house.nodes.redis.start()
        house.nodes.rabbit.start()
        for name in SERVICES:
            house.start(name, roots[name], service=name)
        for container in house.containers.values():
            container.wait_healthy()
        for name in SERVICES:
            eventually(lambda: httpx.get(f"{house.url(name)}/ready").status_code == 200, within=30)  # noqa: B023
        yield house
    finally:
        house.close()


@pytest.fixture
def http(house: ContainedHouse) -> Iterator[httpx.Client]:
    key = (house.nodes.secrets / "keys" / "first").read_text()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=house.url("gateway"), headers=headers, timeout=15) as http:
        yield http


def submit(http: httpx.Client, kind: str = "demo.steps", **payload: Any) -> str:
    answer = http.post("/v1/jobs", json={"type": kind, "payload": payload})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def final(http: httpx.Client, job: str, *, within: float = 60.0) -> dict[str, Any]:
    def ended() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/v1/jobs/{job}").json()
        assert found["state"] in FINAL, found["state"]
        return found

    return eventually(ended, within=within)


def test_a_job_fails_crashes_and_succeeds(http: httpx.Client) -> None:
    job = final(http, submit(http, steps=2, seconds_per_step=0, crash_times=1, fail_times=1))

    assert job["state"] == "succeeded"
    assert [each["outcome"] for each in job["attempts"]][:1] == ["crashed"]


def test_a_job_that_does_not_listen_is_killed(http: httpx.Client) -> None:
    job = submit(http, steps=1000, seconds_per_step=1)
    eventually(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "running", within=15)

    assert http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 0}).status_code == 202
    assert final(http, job)["state"] == "cancelled"


def test_a_slot_that_is_frozen_and_let_go_ends_its_job(
    house: ContainedHouse, http: httpx.Client
) -> None:
    """Freezing is SIGSTOP by the zygote: no capability is needed, and seccomp lets it."""
    job = submit(http, steps=25, seconds_per_step=1)
    eventually(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "running", within=15)
    house.nodes.redis.freeze()
    try:
        states = eventually(lambda: stopped(house.containers["worker"]), within=30)
    finally:
        house.nodes.redis.thaw()

    assert states
    assert final(http, job)["state"] == "succeeded"


def stopped(worker: Container) -> list[str]:
    """The processes of a container that are stopped; fails while there are none."""
    states = process_states(worker)
    found = [state for state in states if state == "T"]
    assert found, states
    return found


def process_states(container: Container) -> list[str]:
    """What every process in a container does now: one letter of proc(5) each."""
    look = (
        "import pathlib\n"
        "for file in pathlib.Path('/proc').glob('[0-9]*/stat'):\n"
        "    try: print(file.read_text().rsplit(')', 1)[1].split()[0])\n"
        "    except OSError: pass\n"
    )
    return container.run("python", "-c", look).stdout.split()


def test_whoever_dies_is_buried(house: ContainedHouse, http: httpx.Client) -> None:
    final(http, submit(http, steps=2, seconds_per_step=0, crash_times=1))

    assert "Z" not in process_states(house.containers["worker"])


def test_nothing_can_be_written_but_tmp(house: ContainedHouse) -> None:
    for container in house.containers.values():
        told = container.run("sh", "-c", "touch /x /opt/waymark/x /opt/x /etc/x; touch /tmp/x")
        assert told.returncode == 0
        assert told.stderr.count("Read-only file system") == 4


def test_it_is_nobody_and_may_nothing(house: ContainedHouse) -> None:
    for container in house.containers.values():
        told = container.run(
            "grep", "-E", "^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):", "/proc/1/status"
        )
        status = dict(line.split(":\t", 1) for line in told.stdout.splitlines())
        assert status["Uid"].split() == ["10001"] * 4
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_it_tells_its_version(house: ContainedHouse) -> None:
    for name in SERVICES:
        lines = httpx.get(f"{house.url(name)}/metrics").text.splitlines()
        [told] = [line for line in lines if line.startswith("waymark_build_info{")]
        assert f'version="{VERSION}"' in told
        assert f'revision="{REVISION}"' in told


def test_the_page_is_there(house: ContainedHouse) -> None:
    assert httpx.get(house.url("gateway")).status_code == 200
    assert httpx.get(f"{house.url('gateway')}/client/index.js").status_code == 200


def test_a_teams_own_worker_runs_its_jobs(
    house: ContainedHouse, roots: Mapping[str, Path], http: httpx.Client
) -> None:
    theirs = house.start(
        "our-worker",
        roots["our-worker"],
        service="worker",
        WAYMARK_WORKER_PORT=str(free_port()),
    )
    eventually(lambda: http.get("/v1/types/our.report").status_code == 200, within=30)

    job = final(http, submit(http, "our.report", pages=2))

    assert job["result"] == "page 1, page 2"
    assert theirs.stop(STOP_SECONDS) == 0


def test_a_stop_lets_the_job_in_work_end_and_leaves_nobody_behind(
    house: ContainedHouse, http: httpx.Client
) -> None:
    job = submit(http, steps=30, seconds_per_step=0.1)
    eventually(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "running", within=15)

    assert house.containers["worker"].stop(STOP_SECONDS) == 0

    found = final(http, job)
    assert (found["state"], found["attempt"]) == ("succeeded", 1)
    for name in ("notifier", "gateway"):
        assert house.containers[name].stop(STOP_SECONDS) == 0
    for container in house.containers.values():
        for line in container.log.read_text().splitlines():
            assert json.loads(line)["level"] != "critical", line
