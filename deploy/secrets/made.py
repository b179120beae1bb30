"""What is random in a deployment, kept in one file; all else that is secret follows from it."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.keys import new_key
from deploy.rabbitmq.access import users as broker_users
from deploy.redis.access import users as store_users

OWNER_ONLY: Final = 0o600
SECRET_BYTES: Final = 32
FILE: Final = "house.json"


class NothingToRenewError(Exception):
    """There is no secret of that name."""


@dataclass(frozen=True, slots=True)
class Made:
    """The secrets by name; a URL may hold each as it is."""

    values: Mapping[str, str]

    def passwords(self, kind: str) -> dict[str, str]:
        """Return the passwords of the users of `rabbitmq` or `redis`, by user."""
        start = f"{kind}."
        return {
            name.removeprefix(start): value
            for name, value in self.values.items()
            if name.startswith(start)
        }


def names() -> Mapping[str, Callable[[], str]]:
    """Return what there is to make, and how."""
    return {
        **{f"rabbitmq.{user.name}": _random for user in broker_users()},
        **{f"redis.{user.name}": _random for user in store_users()},
        "token": _random,
        "webhook": _random,
        "grafana": _random,
        "key.first": new_key,
        "key.platform": new_key,
    }


def make(folder: Path, *, renew: tuple[str, ...] = ()) -> Made:
    """Make what is missing and what shall be renewed; what is there stays.

    Raises:
        NothingToRenewError: names the secret that does not exist.
    """
    ways = names()
    for name in renew:
        if name not in ways:
            raise NothingToRenewError(name)
    file = folder / FILE
    known = json.loads(file.read_text()) if file.exists() else {}
    kept = {name: value for name, value in known.items() if name not in renew}
    made = {name: kept.get(name) or way() for name, way in ways.items()}
    write_privately(file, json.dumps(made, indent=1) + "\n")
    return Made(made)


def write_privately(file: Path, text: str) -> None:
    """Write a file that nobody but its owner can read, from its first byte on."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(OWNER_ONLY)
    beside.write_text(text)
    beside.replace(file)


def _random() -> str:
    return secrets.token_hex(SECRET_BYTES)
