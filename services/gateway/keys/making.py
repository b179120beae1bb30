"""What a key becomes when it is made, rotated, revoked. Pure, but for the dice of `new_text`."""

import hashlib
import secrets
import string
from typing import Final

import msgspec

from services.gateway.refusals import KeyNotActive, TooManySecrets
from shared.contracts.api_keys import KeySecret, StoredKey

ID_LENGTH: Final = 12
SECRET_LENGTH: Final = 32  # of 62 signs: 190 bits, so a plain hash is enough
MOST_SECRETS: Final = 4  # valid at once
KEPT_MS: Final = 30 * 24 * 3600 * 1000  # after a key is over; longer than any browser token lives
_SIGNS: Final = string.digits + string.ascii_letters


def new_id() -> str:
    """Return the id of a new key."""
    return _random(ID_LENGTH)


def new_secret() -> str:
    """Return a new secret."""
    return _random(SECRET_LENGTH)


def key_text(id_: str, secret: str) -> str:
    """Return the key as its owner gets it, once."""
    return f"wm_{id_}_{secret}"


def hashed(secret: str) -> KeySecret:
    """Return what is kept of a secret."""
    return KeySecret(sha256=hashlib.sha256(secret.encode()).hexdigest())


def rotated(key: StoredKey, secret: str, *, overlap_ms: int, now: int) -> StoredKey:
    """Return the key with a new secret; the old ones are valid for `overlap_ms` more.

    Raises:
        KeyNotActive: it is over.
        TooManySecrets: it has as many valid ones as a key may have.
    """
    check_active(key, now=now)
    ends = now + overlap_ms
    older = [
        KeySecret(sha256=old.sha256, until=ends if old.until is None else min(old.until, ends))
        for old in key.secrets
        if old.until is None or old.until > now
    ]
    older = older if overlap_ms else []
    if len(older) >= MOST_SECRETS:
        raise TooManySecrets
    return msgspec.structs.replace(key, secrets=(hashed(secret), *older), rotated_at=now)


def revoked(key: StoredKey, *, now: int) -> StoredKey:
    """Return the key, never to be valid again; one that is revoked stays as it is."""
    return key if key.revoked_at is not None else msgspec.structs.replace(key, revoked_at=now)


def check_active(key: StoredKey, *, now: int) -> None:
    """Let pass only a key that is valid.

    Raises:
        KeyNotActive: it is not.
    """
    if (state := state_of(key, now=now)) != "active":
        raise KeyNotActive(f"This key is {state}: make a new one.", extra={"state": state})


def state_of(key: StoredKey, *, now: int) -> str:
    """Return active, expired or revoked."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def is_forgettable(key: StoredKey, *, now: int) -> bool:
    """Whether a key has been over for so long that nobody asks for it."""
    ends = [moment for moment in (key.revoked_at, key.expires_at) if moment is not None]
    return bool(ends) and min(ends) + KEPT_MS <= now


def _random(length: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(length))
