"""A Deployment and what it is told, beside the service that it runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

from services.gateway.settings import GatewaySettings
from services.notifier.settings import NotifierSettings
from services.worker.jobs.settings import JobSettings
from services.worker.settings import WorkerSettings
from shared.runtime.settings import CommonSettings
from tests.manifests.reading import BASE, PRODUCTION, Object, of_kind

SETTINGS: Mapping[str, type[CommonSettings]] = {
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
    "notifier": NotifierSettings,
}
PORTS = {"gateway": "gateway_port", "worker": "worker_port", "notifier": "notifier_port"}
NAME = "app.kubernetes.io/name"
PREFIX = "WAYMARK_"
SECRETS_DIR = "WAYMARK_SECRETS_DIR"

# Stands for what a Secret holds: right in its kind, so that the settings take it.
SECRETS = {
    "WAYMARK_AMQP_URL": "amqps://waymark:secret@rabbitmq.example.com:5671/%2F",
    "WAYMARK_REDIS_URL": "rediss://:secret@redis.example.com:6380/0",
    "WAYMARK_TOKEN_SECRET": "a secret of forty characters or a few more",
    "WAYMARK_WEBHOOK_SECRETS": "a secret of forty characters or a few more",
}


@dataclass(frozen=True)
class Workload:
    """One Deployment."""

    deployment: Object
    house: Mapping[str, str]  # the ConfigMap that all are told

    @property
    def name(self) -> str:
        return str(self.deployment["metadata"]["name"])

    @property
    def spec(self) -> Mapping[str, Any]:
        return dict(self.deployment["spec"])

    @property
    def labels(self) -> Mapping[str, str]:
        return dict(self.spec["template"]["metadata"]["labels"])

    @property
    def pod(self) -> Mapping[str, Any]:
        return dict(self.spec["template"]["spec"])

    @property
    def container(self) -> Mapping[str, Any]:
        (only,) = self.pod["containers"]
        return dict(only)

    @property
    def service(self) -> str:
        """gateway, worker or notifier."""
        return str(self.labels[NAME]).removeprefix("waymark-")

    @property
    def environment(self) -> Mapping[str, str]:
        """What the process is told; SECRETS in place of the files that a Secret brings."""
        own = {each["name"]: each["value"] for each in self.container["env"]}
        files = {name: text for name, text in SECRETS.items() if name in self.secret_files}
        return {**self.house, **own, **files}

    @property
    def secret_files(self) -> set[str]:
        """The files in its folder of secrets."""
        return {item["path"] for item in self.secret["items"]}

    @property
    def secret(self) -> Mapping[str, Any]:
        """The Secret that lies where WAYMARK_SECRETS_DIR says."""
        folder = next(
            each["value"] for each in self.container["env"] if each["name"] == SECRETS_DIR
        )
        mount = next(each for each in self.container["volumeMounts"] if each["mountPath"] == folder)
        volume = next(each for each in self.pod["volumes"] if each["name"] == mount["name"])
        return dict(volume["secret"])

    @property
    def settings(self) -> Any:
        """The settings that the service would read out of it."""
        return settings_of(self.service, self.environment)


def settings_of(service: str, environment: Mapping[str, str]) -> Any:
    """Return what a service makes of an environment.

    Raises:
        pydantic.ValidationError: it would not start.
    """
    room: Any = SETTINGS[service]
    told = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
    told.pop("secrets_dir", None)  # that folder is there in a pod alone
    return room(**{name: value for name, value in told.items() if name in room.model_fields})


def known_names(service: str) -> set[str]:
    """Return every WAYMARK_… that a service reads."""
    rooms: list[type[BaseSettings]] = [SETTINGS[service]]
    rooms += [JobSettings] if service == "worker" else []
    return {PREFIX + name.upper() for room in rooms for name in room.model_fields}


def workloads(objects: Iterable[Object], house: Mapping[str, str]) -> list[Workload]:
    return [Workload(each, house) for each in of_kind("Deployment", objects)]


def house_env(*folders: Path) -> dict[str, str]:
    """Return what house.env says; a later folder's overrides."""
    found: dict[str, str] = {}
    for folder in folders or (BASE, PRODUCTION):
        for line in (folder / "house.env").read_text().splitlines():
            name, is_setting, value = line.partition("=")
            if is_setting and not line.startswith("#"):
                found[name] = value
    return found
