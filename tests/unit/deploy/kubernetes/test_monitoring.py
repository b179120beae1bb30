"""The operator's Prometheus scrapes under the names that our rules and boards are written for."""

import json
from typing import Any

import yaml

from deploy.kubernetes.rules import SOURCES
from tests.architecture.sources import REPO
from tests.manifests.reading import (
    LOADER,
    PRODUCTION,
    name_of,
    objects_as_they_stand,
    of_kind,
    rendered,
)
from tests.manifests.workloads import NAME, house_env, workloads

OBJECTS = objects_as_they_stand()
DASHBOARDS = REPO / "deploy" / "observability" / "dashboards"
MOST_BYTES = 1_000_000  # etcd takes 1.5 MiB, a ConfigMap may hold 1 MiB
MONITORS = {each["metadata"]["name"]: each["spec"] for each in of_kind("PodMonitor", OBJECTS)}


def jobs() -> dict[str, Any]:
    """The scrape jobs of prometheus.yml by name."""
    config = yaml.load((SOURCES / "prometheus.yml").read_text(), Loader=LOADER)
    return {job["job_name"]: job for job in config["scrape_configs"]}


def test_a_service_is_scraped_as_the_job_that_has_its_name() -> None:
    monitor = MONITORS["waymark"]

    assert monitor["jobLabel"] == NAME
    for workload in workloads(OBJECTS, house_env()):
        assert monitor["selector"]["matchLabels"].items() <= workload.labels.items()
        assert workload.labels[NAME] in jobs()
        assert monitor["podMetricsEndpoints"][0]["port"] == "http"


def test_the_broker_is_scraped_as_the_same_two_jobs() -> None:
    told = {
        (
            endpoint["relabelings"][0]["replacement"],
            endpoint["path"],
            tuple(endpoint.get("params", {}).get("family", [])),
        )
        for endpoint in MONITORS["rabbitmq"]["podMetricsEndpoints"]
    }

    assert told == {
        (
            name,
            jobs()[name].get("metrics_path", "/metrics"),
            tuple(jobs()[name].get("params", {}).get("family", [])),
        )
        for name in ("rabbitmq", "rabbitmq-queues")
    }


def test_nothing_is_scraped_less_often_than_the_rules_expect() -> None:
    config = yaml.load((SOURCES / "prometheus.yml").read_text(), Loader=LOADER)
    intervals = {
        endpoint["interval"]
        for monitor in MONITORS.values()
        for endpoint in monitor["podMetricsEndpoints"]
    }

    assert intervals == {config["global"]["scrape_interval"]}


def test_every_board_is_sent_as_it_is_for_grafana_to_load() -> None:
    boards = {file.name: file.read_text() for file in DASHBOARDS.glob("*.json")}
    sent = {
        name: text
        for each in of_kind("ConfigMap", rendered(PRODUCTION))
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, text in each["data"].items()
    }

    assert boards
    assert sent == boards


def test_no_object_is_larger_than_a_cluster_takes() -> None:
    sizes = {name_of(each): len(json.dumps(each)) for each in rendered(PRODUCTION)}

    assert max(sizes.values()) < MOST_BYTES
