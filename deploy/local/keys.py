"""The secrets of one house: a tenant's key, the SRE's key, those that sign tokens and webhooks.

The gateway gets hashes of the keys only; the keys themselves go to dev.env.
"""

import hashlib
import json
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BASE62 = string.digits + string.ascii_letters
ID_LENGTH = 12
SECRET_LENGTH = 32
SECRET_BYTES = 32
SCOPES = ("submit", "read", "operate")
OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Keys:
    """What dev.env and the services need."""

    tenant: str
    platform: str
    token_secret: str
    webhook_secret: str
    hashes: Path


def cut_keys(root: Path) -> Keys:
    """Return the keys of a house; the first call makes them, later ones find them again."""
    tenant = _kept(root / "dev.key", new_key)
    platform = _kept(root / "platform.key", new_key)
    hashes = root / "keys.json"
    _register(hashes, key=tenant, tenant="dev", name="make up")
    _register(hashes, key=platform, tenant="*", name="make up, platform")
    signs_tokens = _kept(root / "token.secret", _new_secret)
    signs_webhooks = _kept(root / "webhook.secret", _new_secret)
    return Keys(tenant, platform, signs_tokens, signs_webhooks, hashes)


def new_key() -> str:
    """Return a fresh key, `wm_<id>_<secret>`."""
    return f"wm_{_random(ID_LENGTH)}_{_random(SECRET_LENGTH)}"


def _new_secret() -> str:
    return secrets.token_hex(SECRET_BYTES)


def _random(length: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(length))


def _kept(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(OWNER_ONLY)
        file.write_text(make())
    return file.read_text()


def _register(hashes: Path, *, key: str, tenant: str, name: str) -> None:
    known = json.loads(hashes.read_text()) if hashes.exists() else []
    _, key_id, secret = key.split("_")
    if any(entry["id"] == key_id for entry in known):
        return
    digest = hashlib.sha256(secret.encode()).hexdigest()
    entry = {"id": key_id, "secret_sha256": digest, "tenant": tenant, "scopes": SCOPES}
    hashes.write_text(json.dumps([*known, entry | {"name": name}], indent=2))
