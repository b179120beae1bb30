"""Every object is of its kind, to the last field; what is not is refused."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.reading import FOLDERS, Object, name_of, objects_as_they_stand, rendered
from tests.manifests.schemas import faults, faults_of

Spoil = Callable[[Any], object]


def one(kind: str) -> Any:
    """A copy of the first of a kind."""
    return copy.deepcopy(next(each for each in objects_as_they_stand() if each["kind"] == kind))


def container(deployment: Any) -> Any:
    return deployment["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("thing", objects_as_they_stand(), ids=name_of)
def test_every_object_is_of_its_kind_before_kustomize(thing: Object) -> None:
    assert faults(thing) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_object_is_of_its_kind_as_it_is_sent(folder: Path) -> None:
    wrong = {name_of(each): faults(each) for each in rendered(folder) if faults(each)}

    assert not wrong


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_object_is_sent_twice(folder: Path) -> None:
    names = [name_of(each) for each in rendered(folder)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("kind", "spoil", "said"),
    [
        ("Deployment", lambda it: it["spec"].update(replica=2), "no field 'replica'"),
        ("Deployment", lambda it: it["spec"].update(replicas="2"), "int is wanted"),
        ("Deployment", lambda it: it["spec"].pop("selector"), "'selector' is missing"),
        ("Deployment", lambda it: container(it).update(port=[]), "no field 'port'"),
        ("Deployment", lambda it: container(it)["livenessProbe"].update(period=1), "'period'"),
        ("Deployment", lambda it: container(it)["env"][0].update(value=1), "str is wanted"),
        ("PodDisruptionBudget", lambda it: it["spec"].update(maxUnavailble=1), "'maxUnavailble'"),
        ("NetworkPolicy", lambda it: it["spec"].update(podSelector=[]), "fields are wanted"),
        ("Service", lambda it: it["spec"].update(ports={}), "a list is wanted"),
        ("ScaledObject", lambda it: it["spec"].update(minReplicas=2), "unknown field"),
        ("ScaledObject", lambda it: it["spec"]["triggers"][0]["metadata"].update(v=1), "`str`"),
        ("TriggerAuthentication", lambda it: it["spec"].pop("secretTargetRef"), "missing"),
        ("PodMonitor", lambda it: it["spec"].update(endpoints=[]), "unknown field"),
        ("HTTPRoute", lambda it: it["spec"]["rules"][0].update(timeout="1s"), "unknown field"),
        ("RabbitmqCluster", lambda it: it["spec"].update(replicas="3"), "`int`"),
    ],
)
def test_a_slip_is_found(kind: str, spoil: Spoil, said: str) -> None:
    thing = one(kind)
    assert faults(thing) == []

    spoil(thing)

    assert any(said in fault for fault in faults(thing)), faults(thing)


def test_what_the_broker_s_object_says_of_pods_is_what_pods_have() -> None:
    spec = one("RabbitmqCluster")["spec"]
    pod = spec["override"]["statefulSet"]["spec"]["template"]["spec"]

    assert faults_of("v1", "PodSpec", pod) == []
    assert faults_of("v1", "Affinity", spec["affinity"]) == []
    assert faults_of("v1", "ResourceRequirements", spec["resources"]) == []
    assert faults_of("v1", "PodSpec", pod | {"volume": []}) != []
