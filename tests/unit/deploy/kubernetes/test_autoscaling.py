"""What decides how many there are asks for numbers that exist, about who it scales."""

import re
from typing import Any

import pytest

from shared.contracts.topology import work_queues
from tests.architecture.sources import REPO
from tests.manifests.reading import (
    PRODUCTION,
    name_of,
    objects_as_they_stand,
    of_kind,
    rendered,
)
from tests.manifests.workloads import house_env, workloads

OBJECTS = objects_as_they_stand()
WORKLOADS = {each.name: each for each in workloads(OBJECTS, house_env())}
SCALED = of_kind("ScaledObject", OBJECTS)
ROW = re.compile(r"^\| `(waymark_\w+)` \| \w+ \| (.*?) \|", re.MULTILINE)
SELECTOR = re.compile(r"(waymark_\w+)\{([^}]*)\}")
LABEL = re.compile(r'(\w+)="([^"]*)"')
METRICS = (REPO / "docs" / "reference" / "metrics.md").read_text()


def triggers(kind: str) -> list[Any]:
    """Every trigger of one kind, with the workload it scales."""
    return [
        pytest.param(each, WORKLOADS[scaled["spec"]["scaleTargetRef"]["name"]], id=name_of(scaled))
        for scaled in SCALED
        for each in scaled["spec"]["triggers"]
        if each["type"] == kind
    ]


@pytest.mark.parametrize(("trigger", "workload"), triggers("rabbitmq"))
def test_the_depth_is_that_of_the_queues_that_are_served(trigger: Any, workload: Any) -> None:
    (served,) = workload.settings.queues
    asked = re.compile(trigger["metadata"]["queueName"])
    strangers = ["waymark.dead", "waymark.delay.3", f"waymark.{served}-2", f"x.waymark.{served}"]

    assert all(asked.search(name) for name in work_queues(served))
    assert not any(asked.search(name) for name in strangers)
    assert trigger["metadata"]["protocol"] == "http"
    assert int(trigger["metadata"]["value"]) >= workload.settings.slots


@pytest.mark.parametrize(("trigger", "workload"), triggers("prometheus"))
def test_every_number_that_is_asked_for_is_exported(trigger: Any, workload: Any) -> None:
    del workload
    told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(METRICS)}

    asked = SELECTOR.findall(trigger["metadata"]["query"])
    assert asked
    for name, labels in asked:
        assert name in told
        assert {label for label, _ in LABEL.findall(labels)} <= told[name] | {"namespace"}


@pytest.mark.parametrize(("trigger", "workload"), triggers("prometheus"))
def test_the_numbers_are_those_of_the_house_and_of_the_queue_that_is_served(
    trigger: Any, workload: Any
) -> None:
    labels = set(LABEL.findall(trigger["metadata"]["query"]))
    queues = workload.settings.queues if workload.service == "worker" else ()

    assert labels == {("namespace", "waymark"), *(("queue", queue) for queue in queues)}


def test_a_notifier_is_full_before_it_must_turn_anybody_away() -> None:
    (trigger,) = (param.values[0] for param in triggers("prometheus") if "notifier" in param.id)
    workload = WORKLOADS["waymark-notifier"]

    assert float(trigger["metadata"]["threshold"]) <= workload.settings.max_streams / 2


def test_every_workload_is_scaled_by_one_and_none_is_ever_alone() -> None:
    least = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["minReplicaCount"] for each in SCALED
    }
    (gateway,) = of_kind("HorizontalPodAutoscaler", OBJECTS)
    least[gateway["spec"]["scaleTargetRef"]["name"]] = gateway["spec"]["minReplicas"]

    assert set(least) == set(WORKLOADS)
    assert min(least.values()) >= 2


def test_fewer_come_slowly() -> None:
    (gateway,) = of_kind("HorizontalPodAutoscaler", OBJECTS)
    configs = [each["spec"]["advanced"]["horizontalPodAutoscalerConfig"] for each in SCALED]

    for behavior in [gateway["spec"]["behavior"], *(each["behavior"] for each in configs)]:
        assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0


def test_who_is_scaled_has_no_number_that_an_apply_would_put_back() -> None:
    deployments = of_kind("Deployment", rendered(PRODUCTION))

    assert deployments
    assert not [each["metadata"]["name"] for each in deployments if "replicas" in each["spec"]]
