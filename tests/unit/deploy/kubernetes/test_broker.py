"""The broker of the overlay is the one that deploy/rabbitmq describes, three times."""

from typing import Any

from tests.architecture.sources import REPO
from tests.manifests.reading import objects_as_they_stand, of_kind
from tests.manifests.workloads import house_env

(CLUSTER,) = of_kind("RabbitmqCluster", objects_as_they_stand())
SPEC: Any = CLUSTER["spec"]


def settings(text: str) -> dict[str, str]:
    """What a rabbitmq.conf says."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line.strip()]
    return {name.strip(): value.strip() for name, _, value in pairs}


def test_it_is_configured_as_the_one_that_was_tested() -> None:
    tested = settings((REPO / "deploy" / "rabbitmq" / "rabbitmq.conf").read_text())
    here = settings(SPEC["rabbitmq"]["additionalConfig"])

    assert {name: here.get(name) for name in tested if not name.startswith("log.")} == {
        name: value for name, value in tested.items() if not name.startswith("log.")
    }


def test_every_queue_has_a_copy_on_every_node() -> None:
    here = settings(SPEC["rabbitmq"]["additionalConfig"])
    prefix = "quorum_queue.continuous_membership_reconciliation"

    assert SPEC["replicas"] == 3
    assert here[f"{prefix}.enabled"] == "true"
    assert here[f"{prefix}.target_group_size"] == str(SPEC["replicas"])


def test_it_finds_its_definitions_where_it_looks_for_them() -> None:
    pod = SPEC["override"]["statefulSet"]["spec"]["template"]["spec"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    (volume,) = pod["volumes"]
    here = settings(SPEC["rabbitmq"]["additionalConfig"])

    assert mount["name"] == volume["name"]
    assert here["load_definitions"] == f"{mount['mountPath']}/definitions.json"


def test_production_makes_nothing_that_the_definitions_bring() -> None:
    assert house_env()["WAYMARK_TOPOLOGY"] == "given"


def test_it_is_the_broker_of_compose() -> None:
    compose = (REPO / "deploy" / "compose.yaml").read_text()

    assert f"image: {SPEC['image']}\n" in compose


def test_workers_are_told_for_how_long_it_lets_them_hold_a_message() -> None:
    milliseconds = int(settings(SPEC["rabbitmq"]["additionalConfig"])["consumer_timeout"])

    assert float(house_env()["WAYMARK_CONSUMER_TIMEOUT_SECONDS"]) * 1000 == milliseconds
