"""What RabbitMQ is told at its start: `definitions.json`, made from shared/contracts/topology.py.

The file in the repository has users without a password, and nobody can log in as them: a
deployment makes its own from its secrets (`python -m deploy.secrets`).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from deploy.rabbitmq.access import User, users
from shared.contracts.topology import DEAD_LETTER_QUEUE, Topology, house_topology

VHOST: Final = "waymark"
HASHING: Final = "rabbit_password_hashing_sha256"
SALT_BYTES: Final = 4  # RabbitMQ's own format
# RabbitMQ 4 drops a message that came back 20 times; the archivist's come back with each outage of
# Redis. A number, for 3.10 does not know -1.
RETURNS_OF_THE_DEAD: Final = 1_000_000


def definitions(passwords: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return them; a user without an entry in `passwords` cannot log in."""
    return {
        "vhosts": [{"name": VHOST}],
        "users": [_user(user, (passwords or {}).get(user.name)) for user in users()],
        "permissions": [_permission(user) for user in users()],
        "policies": _policies(),
        **_declared(house_topology()),
    }


def rendered(passwords: Mapping[str, str] | None = None) -> str:
    """Return them as the text of the file."""
    return json.dumps(definitions(passwords), indent=1) + "\n"


def password_hash(password: str, salt: bytes) -> str:
    """Return what RabbitMQ stores of a password; `salt` is four bytes."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def _user(user: User, password: str | None) -> dict[str, Any]:
    known = password_hash(password, secrets.token_bytes(SALT_BYTES)) if password else ""
    return {
        "name": user.name,
        "password_hash": known,
        "hashing_algorithm": HASHING,
        "tags": list(user.tags),
    }


def _permission(user: User) -> dict[str, Any]:
    return {
        "user": user.name,
        "vhost": VHOST,
        "configure": user.configure,
        "write": user.write,
        "read": user.read,
    }


def _policies() -> list[dict[str, Any]]:
    spread = {"queue-leader-locator": "balanced"}  # in a cluster: not all leaders on one node
    dead = DEAD_LETTER_QUEUE.replace(".", r"\.")
    return [
        _policy("waymark", r"^waymark\.", 0, spread),
        _policy("waymark-dead", f"^{dead}$", 1, {**spread, "delivery-limit": RETURNS_OF_THE_DEAD}),
    ]


def _policy(name: str, pattern: str, priority: int, says: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "vhost": VHOST,
        "name": name,
        "pattern": pattern,
        "apply-to": "queues",
        "priority": priority,
        "definition": dict(says),
    }


def _declared(topology: Topology) -> dict[str, Any]:
    lasting = {"vhost": VHOST, "durable": True, "auto_delete": False}
    return {
        "exchanges": [
            {"name": each.name, "type": each.kind, "internal": False, **lasting}
            | {"arguments": dict(each.arguments)}
            for each in topology.exchanges
        ],
        "queues": [
            {"name": each.name, **lasting, "arguments": dict(each.arguments)}
            for each in topology.queues
        ],
        "bindings": [
            {
                "source": each.source,
                "vhost": VHOST,
                "destination": each.destination,
                "destination_type": "exchange" if each.to_exchange else "queue",
                "routing_key": each.key,
                "arguments": {},
            }
            for each in topology.bindings
        ],
    }
