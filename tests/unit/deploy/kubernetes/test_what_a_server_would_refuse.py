"""What no schema says and the API server refuses all the same."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.reading import (
    FOLDERS,
    Object,
    name_of,
    objects_as_they_stand,
    of_kind,
    rendered,
)

OBJECTS = objects_as_they_stand()
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
LONGEST_LABEL = 63
LONGEST_PORT_NAME = 15
QUANTITIES = {"cpu", "memory", "storage", "sizeLimit", "averageValue"}

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
each_object = pytest.mark.parametrize("thing", OBJECTS, ids=name_of)


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name and value at any depth."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield name, inside
            yield from pairs(inside)
    elif isinstance(value, list):
        for each in value:
            yield from pairs(each)


@each_folder
def test_names_and_labels_are_ones_that_there_may_be(folder: Path) -> None:
    for thing in rendered(folder):
        assert SUBDOMAIN.fullmatch(thing["metadata"]["name"]), name_of(thing)
        of_alerts = thing["kind"] == "PrometheusRule"  # Prometheus' own, which may say more
        for name, value in pairs(thing["metadata"] if of_alerts else thing):
            if name in {"labels", "matchLabels"}:
                assert all(LABEL_VALUE.fullmatch(each) for each in value.values()), value
                assert all(len(each) <= LONGEST_LABEL for each in value.values()), value


@each_object
def test_amounts_are_amounts(thing: Object) -> None:
    wrong = [
        (name, value)
        for name, value in pairs(thing)
        if name in QUANTITIES and isinstance(value, str) and not QUANTITY.fullmatch(value)
    ]

    assert not wrong


@each_object
def test_nobody_asks_for_more_memory_than_it_may_use(thing: Object) -> None:
    for name, value in pairs(thing):
        if name == "resources" and "requests" in value:
            assert _bytes(value["requests"]["memory"]) <= _bytes(value["limits"]["memory"])


@pytest.mark.parametrize("policy", of_kind("NetworkPolicy", OBJECTS), ids=name_of)
def test_what_is_kept_out_of_a_network_lies_in_it(policy: Object) -> None:
    for name, block in pairs(policy):
        if name == "ipBlock":
            whole = ipaddress.ip_network(block["cidr"])
            parts = [ipaddress.ip_network(part) for part in block.get("except", [])]
            assert all(part.version == whole.version for part in parts)
            assert all(part.subnet_of(whole) and part != whole for part in parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("deployment", of_kind("Deployment", OBJECTS), ids=name_of)
def test_a_deployment_can_roll(deployment: Object) -> None:
    spec = deployment["spec"]
    rolling = spec["strategy"]["rollingUpdate"]
    pod = spec["template"]["spec"]
    volumes = {each["name"] for each in pod["volumes"]}
    (container,) = pod["containers"]
    probes = [container[each] for each in ("startupProbe", "livenessProbe", "readinessProbe")]
    port_names = [each["name"] for each in container["ports"]]

    assert rolling["maxUnavailable"] == 0
    assert rolling["maxSurge"] not in {0, "0%"}
    # a rollout that replaces pods one after another must not count as stuck meanwhile
    assert spec["progressDeadlineSeconds"] > (
        pod["terminationGracePeriodSeconds"] + spec["minReadySeconds"]
    )
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    assert all(probe["httpGet"]["port"] in port_names for probe in probes)
    assert all(PORT_NAME.fullmatch(each) and len(each) <= LONGEST_PORT_NAME for each in port_names)


def _bytes(amount: str) -> int:
    return int(amount[:-2]) * {"Mi": 1024**2, "Gi": 1024**3}[amount[-2:]]
