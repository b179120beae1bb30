"""The files that a deployment mounts: one for each setting that is secret, one for each node."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.keys import SCOPES
from deploy.rabbitmq.definitions import VHOST
from deploy.rabbitmq.definitions import rendered as broker_definitions
from deploy.redis.access import rendered as store_users
from deploy.secrets.made import Made

# Containers run as users of their own and must read what is mounted; the folder lets nobody in.
READABLE: Final = 0o644
FOR_ITS_OWNER: Final = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the services find the nodes, and whose the first key is."""

    rabbitmq: str = "rabbitmq:5672"
    redis: str = "redis:6379"
    tenant: str = "main"


def files(made: Made, places: Places) -> Mapping[str, str]:
    """Return the text of each file, by its path below the folder."""
    token, webhook = made.values["token"], made.values["webhook"]
    return {
        "gateway/WAYMARK_AMQP_URL": _amqp_url(made, "gateway", places),
        "gateway/WAYMARK_REDIS_URL": _redis_url(made, "gateway", places),
        "gateway/WAYMARK_TOKEN_SECRET": token,
        "gateway/WAYMARK_WEBHOOK_SECRETS": webhook,
        "gateway/keys.json": _hashes(made, places.tenant),
        "worker/WAYMARK_AMQP_URL": _amqp_url(made, "worker", places),
        "worker/WAYMARK_REDIS_URL": _redis_url(made, "worker", places),
        "worker/WAYMARK_WEBHOOK_SECRETS": webhook,
        "notifier/WAYMARK_REDIS_URL": _redis_url(made, "notifier", places),
        "notifier/WAYMARK_TOKEN_SECRET": token,
        "rabbitmq/definitions.json": broker_definitions(made.passwords("rabbitmq")),
        "rabbitmq/monitoring_password": made.values["rabbitmq.monitoring"],
        "redis/users.acl": store_users(made.passwords("redis")),
        "redis/monitoring_password": made.values["redis.monitoring"],
        "redis/operator_password": made.values["redis.operator"],
        "redis/exporter.json": _exporters_passwords(made, places),
        "grafana/admin_password": made.values["grafana"],
        "keys/first": made.values["key.first"],
        "keys/platform": made.values["key.platform"],
    }


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write them into `folder`, which is its owner's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(FOR_ITS_OWNER)
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        # In place: what is mounted is the file, not its name.
        file.write_text(text)
        file.chmod(READABLE)


def _amqp_url(made: Made, user: str, places: Places) -> str:
    return f"amqp://{user}:{made.values[f'rabbitmq.{user}']}@{places.rabbitmq}/{VHOST}"


def _redis_url(made: Made, user: str, places: Places) -> str:
    return f"redis://{user}:{made.values[f'redis.{user}']}@{places.redis}/0"


def _exporters_passwords(made: Made, places: Places) -> str:
    # redis_exporter up to 1.45 looks for the bare address, later ones for the one with the user
    password = made.values["redis.monitoring"]
    addresses = (f"redis://{places.redis}", f"redis://monitoring@{places.redis}")
    return json.dumps(dict.fromkeys(addresses, password), indent=1)


def _hashes(made: Made, tenant: str) -> str:
    keys = (("key.first", tenant, "the first key"), ("key.platform", "*", "the platform key"))
    return json.dumps([_entry(made.values[key], of, name) for key, of, name in keys], indent=1)


def _entry(key: str, tenant: str, name: str) -> dict[str, object]:
    _, key_id, secret = key.split("_")
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return {"id": key_id, "secret_sha256": digest, "tenant": tenant} | {
        "scopes": list(SCOPES),
        "name": name,
    }
