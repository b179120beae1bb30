"""Names, labels and ports that one object says of another lead to it, and to nothing else."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.webhooks import addresses
from tests.manifests.reading import (
    FOLDERS,
    PRODUCTION,
    PRODUCTION_WITH_RABBITMQ,
    Object,
    objects_as_they_stand,
    of_kind,
    rendered,
)
from tests.manifests.workloads import Workload, house_env, workloads

OBJECTS = objects_as_they_stand()
ALL = workloads(OBJECTS, house_env())
PROBES = {"/live", "/ready", "/metrics"}


def selects(selector: Any, workload: Workload) -> bool:
    """Whether a LabelSelector finds the pods of a workload."""
    labels = workload.labels
    return all(
        labels.get(name) == value for name, value in selector.get("matchLabels", {}).items()
    ) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )


def policies(direction: str, workload: Workload) -> dict[str, list[Any]]:
    """Return the rules of each NetworkPolicy that is about a workload in one direction."""
    return {
        each["metadata"]["name"]: each["spec"].get(direction.lower(), [])
        for each in of_kind("NetworkPolicy", OBJECTS)
        if selects(each["spec"]["podSelector"], workload)
        and direction in each["spec"]["policyTypes"]
    }


each_workload = pytest.mark.parametrize("workload", ALL, ids=lambda workload: workload.name)


@each_workload
def test_a_deployment_finds_its_own_pods_and_nobody_else_s(workload: Workload) -> None:
    selector = workload.spec["selector"]

    assert [each.name for each in ALL if selects(selector, each)] == [workload.name]
    for spread in workload.pod["topologySpreadConstraints"]:
        assert spread["labelSelector"] == selector


@each_workload
def test_each_has_one_disruption_budget(workload: Workload) -> None:
    ours = [
        each["spec"]["maxUnavailable"]
        for each in of_kind("PodDisruptionBudget", OBJECTS)
        if selects(each["spec"]["selector"], workload)
    ]

    assert ours == ["10%" if workload.service == "worker" else "25%"]


def test_a_service_leads_to_one_deployment_and_to_a_port_that_it_has() -> None:
    found = {
        each["metadata"]["name"]: [
            workload.name
            for workload in ALL
            if selects({"matchLabels": each["spec"]["selector"]}, workload)
            and each["spec"]["ports"][0]["targetPort"] == workload.container["ports"][0]["name"]
        ]
        for each in of_kind("Service", OBJECTS)
    }

    assert found == {name: [name] for name in ("waymark-gateway", "waymark-notifier")}


@each_workload
def test_nobody_is_heard_but_clients_and_prometheus(workload: Workload) -> None:
    heard = set(policies("Ingress", workload)) - {"waymark-nobody"}
    clients = {"waymark-clients"} if workload.service != "worker" else set()

    assert policies("Ingress", workload)["waymark-nobody"] == []
    assert heard == {"waymark-metrics"} | clients


@each_workload
def test_nobody_speaks_but_to_names_its_stores_and_a_collector(workload: Workload) -> None:
    spoken_to = set(policies("Egress", workload)) - {"waymark-nobody"}
    more = {"waymark-rabbitmq", "waymark-traces"} if workload.service != "notifier" else set()
    internet = {"waymark-webhooks"} if workload.name == "waymark-webhooks" else set()

    assert policies("Egress", workload)["waymark-nobody"] == []
    assert spoken_to == {"waymark-names", "waymark-redis"} | more | internet


def test_webhooks_reach_no_address_that_the_guard_refuses() -> None:
    (policy,) = (
        each
        for each in of_kind("NetworkPolicy", OBJECTS)
        if each["metadata"]["name"] == "waymark-webhooks"
    )
    blocks = [peer["ipBlock"] for peer in policy["spec"]["egress"][0]["to"]]
    refused = [*addresses._DENIED_4, *addresses._DENIED_6]

    reachable = [
        f"{network} ({why})"
        for network, why in refused
        for block in blocks
        if _may_be_reached(network, block)
    ]
    assert not reachable


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_a_pod_wants_is_sent_with_it(folder: Path) -> None:
    objects = rendered(folder)
    maps = {each["metadata"]["name"] for each in of_kind("ConfigMap", objects)}
    accounts = {each["metadata"]["name"] for each in of_kind("ServiceAccount", objects)}

    for workload in workloads(objects, {}):
        wanted = {each["configMapRef"]["name"] for each in workload.container["envFrom"]}
        assert wanted <= maps
        assert not wanted & {"waymark-house"}, "without a hash a change is no rollout"
        assert workload.pod["serviceAccountName"] in accounts


def test_production_sends_images_of_a_registry_with_a_tag() -> None:
    images = [each.container["image"] for each in workloads(rendered(PRODUCTION), {})]

    assert all(":" in image and "/" in image for image in images)


def test_all_of_production_is_in_one_namespace_that_lets_no_root_in() -> None:
    objects = rendered(PRODUCTION)
    (namespace,) = of_kind("Namespace", objects)
    others = [each for each in objects if each is not namespace]

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"]["namespace"] for each in others} == {namespace["metadata"]["name"]}


def test_the_broker_is_in_another_and_hears_nobody_of_ours_but_gateways_and_workers() -> None:
    objects = rendered(PRODUCTION_WITH_RABBITMQ)
    (cluster,) = of_kind("RabbitmqCluster", objects)
    (policy,) = (
        each["spec"]
        for each in of_kind("NetworkPolicy", objects)
        if each["metadata"]["namespace"] == cluster["metadata"]["namespace"]
    )
    heard = [
        peer["podSelector"]
        for rule in policy["ingress"]
        for peer in rule["from"]
        if peer.get("namespaceSelector", {}).get("matchLabels")
        == {"kubernetes.io/metadata.name": "waymark"}
    ]
    ours = workloads(objects, {})

    assert cluster["metadata"]["namespace"] in {
        each["metadata"]["name"] for each in of_kind("Namespace", objects)
    }
    assert {each.service for each in ours if any(selects(one, each) for one in heard)} == {
        "gateway",
        "worker",
    }


def test_a_route_leads_to_a_service_and_never_to_probes_or_metrics() -> None:
    ports = {
        each["metadata"]["name"]: [port["port"] for port in each["spec"]["ports"]]
        for each in of_kind("Service", OBJECTS)
    }
    for route in of_kind("HTTPRoute", OBJECTS):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                assert backend["port"] in ports[backend["name"]]
            for path in (match["path"] for match in rule["matches"]):
                assert not any(_leads_to(probe, path) for probe in PROBES)


def test_routes_and_links_name_the_same_hosts() -> None:
    house = house_env()
    routed = {each["metadata"]["name"]: each["spec"] for each in of_kind("HTTPRoute", OBJECTS)}

    assert routed["waymark-gateway"]["hostnames"] == [house["WAYMARK_URL"].split("/")[2]]
    assert routed["waymark-notifier"]["hostnames"] == [house["WAYMARK_STREAM_URL"].split("/")[2]]


def test_no_stream_and_no_long_poll_is_cut_by_the_entrance() -> None:
    requests = {
        each["metadata"]["name"]: each["spec"]["rules"][0]["timeouts"]["request"]
        for each in of_kind("HTTPRoute", OBJECTS)
    }

    assert requests == {"waymark-gateway": "60s", "waymark-notifier": "0s"}


def _may_be_reached(network: Any, block: Object) -> bool:
    allowed = ipaddress.ip_network(block["cidr"])
    if network.version != allowed.version or not network.overlaps(allowed):
        return False
    kept_out = [ipaddress.ip_network(each) for each in block["except"]]
    return not any(network.subnet_of(each) for each in kept_out)


def _leads_to(path: str, match: Any) -> bool:
    if match["type"] == "Exact":
        return bool(match["value"] == path)
    return path == match["value"] or path.startswith(match["value"].rstrip("/") + "/")
