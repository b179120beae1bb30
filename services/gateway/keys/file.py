"""The API keys in WAYMARK_KEYS_FILE, read again when the file changes."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from services.gateway.credentials import PLATFORM, ApiKey, Scope, Secret, is_tenant
from services.gateway.times import parse_rfc3339

LOOK_SECONDS: Final = 0.5  # how often the file is looked at, at most
KEY_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)  # no "_": it ends the id
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

log = structlog.get_logger()


class UnusableKeys(ValueError):
    """The keys file is not what it should be."""


class KeysFile:
    """The keys by id. A file that cannot be read leaves the keys as they were."""

    def __init__(self, path: Path | None) -> None:
        """Describe it; the file is read at the first look."""
        self._path = path
        self._keys: Mapping[str, ApiKey] = {}
        self._seen: tuple[int, int, int] | None = None
        self._next_look = 0.0
        self._complaint: str | None = None

    @property
    def complaint(self) -> str | None:
        """What is wrong with the file, in words, or None."""
        self.keys()
        return self._complaint

    def keys(self) -> Mapping[str, ApiKey]:
        """Return the keys as the file has them, at most half a second old."""
        now = time.monotonic()
        if self._path is not None and now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._look(self._path)
        return self._keys

    def _look(self, path: Path) -> None:
        try:
            stat = path.stat()
            version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version == self._seen:
                return
            self._keys = parse_keys(path.read_text())
        except (OSError, ValueError) as fault:
            if self._complaint is None:
                log.warning("keys_file_unusable", path=str(path), why=type(fault).__name__)
            self._complaint = "the keys file cannot be used; the keys read before stay valid"
            return
        self._seen, self._complaint = version, None
        log.info("keys_loaded", count=len(self._keys))


def parse_keys(text: str) -> Mapping[str, ApiKey]:
    """Return the keys of a keys file.

    A JSON list of `{id, secret_sha256, tenant, scopes, name?, expires_at?}`.

    Raises:
        ValueError: it is not that (UnusableKeys), or not JSON.
    """
    entries = json.loads(text)
    if not isinstance(entries, list):
        raise UnusableKeys("the keys file is not a list")
    keys = [_parse_key(entry) for entry in entries]
    return {key.id: key for key in keys}


def _parse_key(entry: object) -> ApiKey:
    if not isinstance(entry, dict):
        raise UnusableKeys("a key is not an object")
    try:
        key = ApiKey(
            id=str(entry["id"]),
            secrets=(Secret(str(entry["secret_sha256"]).lower()),),
            tenant=str(entry["tenant"]),
            scopes=frozenset(Scope(scope) for scope in entry["scopes"]),
            name=str(entry.get("name", "")),
            expires_at=_moment(entry.get("expires_at")),
        )
    except (KeyError, TypeError) as fault:
        raise UnusableKeys("a key lacks a field") from fault
    if not KEY_ID.fullmatch(key.id) or not _SHA256.fullmatch(key.secrets[0].sha256):
        raise UnusableKeys("a key has a malformed id or hash")
    if key.tenant != PLATFORM and not is_tenant(key.tenant):
        raise UnusableKeys("a key has a malformed tenant")
    return key


def _moment(value: object) -> int | None:
    moment = parse_rfc3339(str(value)) if value is not None else None
    if value is not None and moment is None:
        raise UnusableKeys("a key has an expires_at that is no RFC 3339 time")
    return moment
