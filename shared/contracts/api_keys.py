"""An API key as the store keeps it: never its secret, only hashes."""

from enum import StrEnum

import msgspec


class KeySecret(msgspec.Struct, frozen=True, kw_only=True):
    """SHA-256 of a secret, in hex; `until` (ms since the epoch) None: as long as the key."""

    sha256: str
    until: int | None = None


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key made over HTTP. Times in ms since the epoch; `tenant` "*": the platform's.

    `secrets`: the newest first; older ones stay valid for the overlap of a rotation.
    """

    id: str
    tenant: str
    scopes: tuple[str, ...]
    name: str
    secrets: tuple[KeySecret, ...]
    created_at: int
    created_by: str
    expires_at: int | None = None
    rotated_at: int | None = None
    revoked_at: int | None = None


class PutVerdict(StrEnum):
    """What became of a change to the book of keys."""

    DONE = "done"
    CHANGED = "changed"  # somebody else was faster: read again
    FULL = "full"
