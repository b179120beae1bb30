"""What each Deployment says of its service is true of the service."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.secrets.files import Places, files
from deploy.secrets.made import make
from services.worker import drain
from services.worker.house import process
from services.worker.jobs.webhook.deliver import QUEUE as WEBHOOKS
from shared.runtime import serving
from tests.architecture.sources import REPO
from tests.manifests.reading import objects_as_they_stand, of_kind
from tests.manifests.workloads import (
    PORTS,
    SECRETS,
    Workload,
    house_env,
    known_names,
    settings_of,
    workloads,
)

DOCKERFILE = (REPO / "deploy" / "docker" / "Dockerfile").read_text()
ALL = workloads(objects_as_they_stand(), house_env())
CLOSING_SECONDS = 5  # connections to the stores, after everybody is gone
# what a stop of a worker takes beside WAYMARK_DRAIN_SECONDS, every wait of it at its longest
WORKER_STOP_SECONDS = (
    drain.CANCEL_SECONDS
    + drain.STOP_GRACE_SECONDS
    + 2 * drain.SETTLE_SECONDS
    + process.JOIN_MS / 1000
    + process.CLOSE_SECONDS
)
each_workload = pytest.mark.parametrize("workload", ALL, ids=lambda workload: workload.name)


def test_there_are_the_three_services_and_a_worker_for_webhooks() -> None:
    services = {workload.name: workload.service for workload in ALL}

    assert services == {
        "waymark-gateway": "gateway",
        "waymark-notifier": "notifier",
        "waymark-webhooks": "worker",
        "waymark-worker": "worker",
    }


@each_workload
def test_it_runs_an_image_that_is_built_as_the_user_of_that_image(workload: Workload) -> None:
    title = f'org.opencontainers.image.title="{workload.container["image"]}"'
    user = workload.pod["securityContext"]

    assert title in DOCKERFILE
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in DOCKERFILE


@each_workload
def test_its_service_knows_all_that_it_is_told_and_would_start(workload: Workload) -> None:
    own = set(workload.environment) - set(workload.house)

    assert own <= known_names(workload.service)
    assert workload.settings.host == "0.0.0.0"


def test_what_all_are_told_alike_is_read_by_one_of_them_at_least() -> None:
    assert set(house_env()) <= {name for service in PORTS for name in known_names(service)}


def test_a_setting_that_is_wrong_would_be_seen_here() -> None:
    with pytest.raises(ValidationError):
        settings_of("notifier", SECRETS | {"WAYMARK_PROXIES": "the entrance"})
    assert "WAYMARK_DRAIN_SECOND" not in known_names("worker")


@each_workload
def test_it_listens_where_it_is_asked(workload: Workload) -> None:
    (port,) = workload.container["ports"]

    assert port == {
        "name": "http",
        "containerPort": getattr(workload.settings, PORTS[workload.service]),
    }


@each_workload
def test_only_ready_asks_about_the_stores(workload: Workload) -> None:
    asked = {
        probe: workload.container[probe]["httpGet"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert asked == {
        "startupProbe": {"path": "/live", "port": "http"},
        "livenessProbe": {"path": "/live", "port": "http"},
        "readinessProbe": {"path": "/ready", "port": "http"},
    }


@each_workload
def test_the_watchdog_ends_a_stuck_process_before_or_as_the_kubelet_does(
    workload: Workload,
) -> None:
    probe = workload.container["livenessProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] >= workload.settings.watchdog_seconds


@each_workload
def test_it_has_the_time_to_stop_that_it_takes(workload: Workload) -> None:
    takes: dict[str, float] = {
        "gateway": _seconds_before_the_signal(workload) + serving.STOP_SECONDS + CLOSING_SECONDS,
        "notifier": getattr(workload.settings, "drain_seconds", 0)
        + serving.STOP_SECONDS
        + CLOSING_SECONDS,
        "worker": getattr(workload.settings, "drain_seconds", 0) + WORKER_STOP_SECONDS,
    }

    assert workload.pod["terminationGracePeriodSeconds"] > takes[workload.service]


@pytest.mark.parametrize("name", ["waymark-gateway", "waymark-notifier"])
def test_who_is_behind_a_service_goes_on_until_nobody_is_sent_there(name: str) -> None:
    (workload,) = (each for each in ALL if each.name == name)
    lead = getattr(workload.settings, "drain_lead_seconds", 0)
    probe = workload.container["readinessProbe"]

    assert _seconds_before_the_signal(workload) + lead > (
        probe["periodSeconds"] * probe["failureThreshold"]
    )


@each_workload
def test_it_may_do_nothing_but_its_work(workload: Workload) -> None:
    (container,) = workload.pod["containers"]

    assert workload.pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    assert workload.pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(workload.pod)


def test_no_account_has_a_token() -> None:
    accounts = of_kind("ServiceAccount", objects_as_they_stand())

    assert {each["metadata"]["name"] for each in accounts} == {
        workload.pod["serviceAccountName"] for workload in ALL
    }
    assert not any(each["automountServiceAccountToken"] for each in accounts)


@each_workload
def test_services_are_not_told_as_settings(workload: Workload) -> None:
    told_by_docker_links = {"WAYMARK_GATEWAY_PORT": "tcp://10.0.0.1:80"}

    assert workload.pod["enableServiceLinks"] is False
    with pytest.raises(ValidationError):
        settings_of("gateway", SECRETS | told_by_docker_links)


@each_workload
def test_its_memory_is_bounded_and_its_cpu_is_not(workload: Workload) -> None:
    resources = workload.container["resources"]

    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


@pytest.mark.parametrize("name", ["waymark-worker", "waymark-webhooks"])
def test_a_worker_is_told_its_slots_because_it_would_count_the_node_s_cpus(name: str) -> None:
    (workload,) = (each for each in ALL if each.name == name)

    assert "WAYMARK_SLOTS" in workload.environment


def test_each_queue_of_ours_has_one_kind_of_worker() -> None:
    served = {each.name: each.settings.queues for each in ALL if each.service == "worker"}

    assert served == {"waymark-worker": ("default",), "waymark-webhooks": (WEBHOOKS,)}


def test_nobody_is_given_a_secret_that_it_does_not_read() -> None:
    given = {
        workload.name: {name for name in SECRETS if name in workload.environment}
        for workload in ALL
    }
    stores = {"WAYMARK_AMQP_URL", "WAYMARK_REDIS_URL"}

    assert given == {
        "waymark-gateway": set(SECRETS),
        "waymark-notifier": {"WAYMARK_REDIS_URL", "WAYMARK_TOKEN_SECRET"},
        "waymark-webhooks": stores | {"WAYMARK_WEBHOOK_SECRETS"},
        "waymark-worker": stores,
    }


def test_no_secret_lies_here_or_is_told_in_the_environment() -> None:
    assert of_kind("Secret", objects_as_they_stand()) == []
    for workload in ALL:
        assert not {each["name"] for each in workload.container["env"]} & set(SECRETS)
        assert not set(workload.house) & set(SECRETS)


@each_workload
def test_it_mounts_files_that_are_made_for_its_service(workload: Workload, tmp_path: Path) -> None:
    made_for_it = {
        path.partition("/")[2]
        for path in files(make(tmp_path), Places())
        if path.startswith(f"{workload.service}/")
    }

    assert workload.secret["secretName"] == f"waymark-{workload.service}"
    assert workload.secret_files <= made_for_it
    assert {item["key"] for item in workload.secret["items"]} == workload.secret_files


def test_the_file_of_keys_is_where_the_gateway_looks() -> None:
    (gateway,) = (each for each in ALL if each.service == "gateway")
    told = gateway.environment

    assert told["WAYMARK_KEYS_FILE"] == f"{told['WAYMARK_SECRETS_DIR']}/keys.json"
    assert "keys.json" in gateway.secret_files


def test_the_book_says_how_to_make_every_secret_that_is_mounted() -> None:
    book = (REPO / "docs" / "kubernetes.md").read_text()
    made = dict(re.findall(r"create secret generic (\S+) *(?:\\\n)?\s*--from-(.*)", book))

    for workload in ALL:
        folder = f"file=deploy/.secrets/{workload.service}"
        assert made[workload.secret["secretName"]] == folder
    (access,) = of_kind("TriggerAuthentication", objects_as_they_stand())
    (wanted,) = access["spec"]["secretTargetRef"]
    # past the list of processes, where a literal could be read
    assert made[wanted["name"]] == f"file={wanted['key']}=/dev/stdin"
    assert made["definitions"] == "file=deploy/.secrets/rabbitmq/definitions.json"


def _seconds_before_the_signal(workload: Workload) -> float:
    lifecycle = workload.container.get("lifecycle", {})
    return float(lifecycle.get("preStop", {}).get("sleep", {}).get("seconds", 0))
