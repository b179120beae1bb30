"""compose.yaml: a file of its kind, and what it says agrees with the house and with itself."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.resources import files as files_of
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from pydantic_settings import BaseSettings

from deploy import compose_scrapes
from deploy.secrets.files import Places, files
from deploy.secrets.made import Made, names
from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.worker import drain as worker_drain
from services.worker.house import process
from services.worker.settings import WorkerSettings
from shared.runtime import serving
from tests.architecture.sources import REPO

DEPLOY = REPO / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text()
HOUSE: Mapping[str, Any] = yaml.safe_load(TEXT)
SERVICES: Mapping[str, Any] = HOUSE["services"]
OURS: Mapping[str, type[BaseSettings]] = {
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
    "notifier": NotifierSettings,
}
EXAMPLE = dict(
    line.split("=", 1)
    for line in (DEPLOY / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)
BEYOND_A_WORKER_S_DRAIN = 45  # s, as compose.yaml says
SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def filled(value: object, values: Mapping[str, str]) -> str:
    """What compose makes of a value: an empty variable counts as none."""
    return VARIABLE.sub(
        lambda found: values.get(found["name"]) or found["default"] or "", str(value)
    )


def seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", duration).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60}[unit]


def size(text: str) -> int:
    return int(text.lower().rstrip("b")[:-1]) * SIZES[text.lower().rstrip("b")[-1]]


def test_it_is_a_compose_file() -> None:
    schema = json.loads(
        files_of("check_jsonschema")
        .joinpath("builtin_schemas/vendor/compose-spec.json")
        .read_text(encoding="utf-8")
    )
    validator = jsonschema_rs.validator_for(schema)

    assert [(list(each.instance_path), each.message) for each in validator.iter_errors(HOUSE)] == []
    spoilt = {**HOUSE, "services": {"gateway": {"imagee": "waymark-gateway"}}}
    assert not validator.is_valid(spoilt)


def test_docker_compose_takes_it() -> None:
    program = shutil.which("docker-compose")
    if program is None or " version 1" in _run(program, "version").stdout:
        pytest.skip("needs docker-compose 2")

    told = _run(
        program, "--env-file", DEPLOY / ".env.example", "-f", DEPLOY / "compose.yaml", "config"
    )

    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_contained(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "container_name", "pid"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    version = "${WAYMARK_VERSION:-dev}" if name in OURS else r"v?\d+\.\d+\.\d+(-\w+)?"
    pattern = re.escape(version) if name in OURS else version

    assert re.fullmatch(rf"[\w./-]+:{pattern}", image)


@pytest.mark.parametrize("name", OURS)
def test_our_images_are_those_of_the_dockerfile(name: str) -> None:
    build = SERVICES[name]["build"]
    dockerfile = (REPO / build["dockerfile"]).read_text()

    assert f"\nFROM runtime AS {build['target']}\n" in dockerfile
    assert all(f"ARG {argument}=" in dockerfile for argument in build["args"])


def test_workers_can_be_many() -> None:
    assert "ports" not in SERVICES["worker"]
    assert "hostname" not in SERVICES["worker"]
    # what --scale said is forgotten by the next `up`
    assert filled(SERVICES["worker"]["deploy"]["replicas"], {"WAYMARK_WORKERS": "3"}) == "3"


def test_the_example_as_it_stands_is_a_house_that_a_browser_on_this_machine_can_use() -> None:
    gateway, notifier = EXAMPLE["WAYMARK_GATEWAY_PORT"], EXAMPLE["WAYMARK_NOTIFIER_PORT"]

    assert EXAMPLE["WAYMARK_URL"] == f"http://localhost:{gateway}"
    assert EXAMPLE["WAYMARK_STREAM_URL"] == f"ws://localhost:{notifier}/v1/stream"
    assert EXAMPLE["WAYMARK_ORIGINS"] == ""  # those of localhost


@pytest.mark.parametrize("values", [{}, EXAMPLE], ids=["defaults", "example"])
def test_a_stop_waits_longer_than_the_drain(values: Mapping[str, str]) -> None:
    def drain(name: str) -> int:
        return int(filled(SERVICES[name]["environment"]["WAYMARK_DRAIN_SECONDS"], values))

    grace = {name: seconds(filled(SERVICES[name]["stop_grace_period"], values)) for name in OURS}
    assert grace["gateway"] > serving.STOP_SECONDS
    assert grace["notifier"] > drain("notifier") + serving.STOP_SECONDS
    at_most = (
        worker_drain.CANCEL_SECONDS
        + worker_drain.STOP_GRACE_SECONDS
        + 2 * worker_drain.SETTLE_SECONDS
        + process.JOIN_MS / 1000
        + process.CLOSE_SECONDS
    )
    assert at_most <= BEYOND_A_WORKER_S_DRAIN
    assert grace["worker"] > drain("worker") + BEYOND_A_WORKER_S_DRAIN


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_is_told_are_settings_that_it_has(name: str) -> None:
    told = set(SERVICES[name]["environment"]) | {
        each["target"] for each in SERVICES[name]["secrets"] if each["target"].startswith("WAYMARK")
    }
    known = {f"WAYMARK_{field.upper()}" for field in OURS[name].model_fields} | {"WAYMARK_DATA_DIR"}

    assert told <= known


def test_every_secret_is_a_file_that_is_made() -> None:
    made = files(Made({name: make() for name, make in names().items()}), Places())
    mounted = {
        each["file"].removeprefix("${WAYMARK_SECRETS:-./.secrets}/")
        for each in HOUSE["secrets"].values()
    }
    used = {each["source"] for service in SERVICES.values() for each in service.get("secrets", [])}

    assert mounted <= set(made)
    assert used == set(HOUSE["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_a_service_gets_every_secret_that_is_its_own(name: str) -> None:
    made = files(Made({each: make() for each, make in names().items()}), Places())
    its = {file.removeprefix(f"{name}/") for file in made if file.startswith(f"{name}/")}

    assert {each["target"] for each in SERVICES[name]["secrets"]} == its


def test_no_secret_is_in_the_file_or_the_example() -> None:
    words = ("PASSWORD=", "SECRET=", "SECRETS=", "AMQP_URL=", "REDIS_URL=", "guest")

    assert not [word for word in words if word in TEXT + (DEPLOY / ".env.example").read_text()]


def test_the_example_names_every_variable_there_is() -> None:
    variables = {found["name"] for found in VARIABLE.finditer(TEXT)} - {"WAYMARK_SECRETS"}

    assert set(EXAMPLE) == variables


def test_every_variable_has_a_default() -> None:
    assert [found["name"] for found in VARIABLE.finditer(TEXT) if found["default"] is None] == []


def test_nothing_is_open_to_other_machines_unless_somebody_says_so() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(
        filled(port, values).startswith("127.0.0.1:") for port in ports for values in ({}, EXAMPLE)
    )


def test_the_stores_are_reached_from_inside_alone() -> None:
    assert HOUSE["networks"]["back"]["internal"] is True
    for name in ("rabbitmq", "redis"):
        assert SERVICES[name]["networks"] == ["back"]
        assert "ports" not in SERVICES[name]


def test_prometheus_asks_services_that_it_can_reach() -> None:
    near = set(SERVICES["prometheus"]["networks"])

    for service, _port in compose_scrapes.TARGETS.values():
        assert near & set(SERVICES[service]["networks"]), service


def test_prometheus_takes_its_configuration() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool")

    told = _run("promtool", "check", "config", compose_scrapes.WRITTEN)

    assert told.returncode == 0, told.stdout + told.stderr
    assert "file_sd" not in compose_scrapes.WRITTEN.read_text()


def test_what_is_mounted_from_the_repository_is_there() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert mounted
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def test_redis_leaves_its_container_a_third() -> None:
    conf = (DEPLOY / "redis" / "redis.conf").read_text()
    [most] = re.findall(r"^maxmemory (\S+)$", conf, re.MULTILINE)
    limit = SERVICES["redis"]["deploy"]["resources"]["limits"]["memory"]

    assert size(most) * 4 <= size(limit) * 3


def test_the_worker_knows_how_long_the_broker_waits() -> None:
    conf = (DEPLOY / "rabbitmq" / "rabbitmq.conf").read_text()
    [ms] = re.findall(r"^consumer_timeout = (\d+)$", conf, re.MULTILINE)

    assert int(SERVICES["worker"]["environment"]["WAYMARK_CONSUMER_TIMEOUT_SECONDS"]) * 1000 == int(
        ms
    )


def _run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=60
    )
