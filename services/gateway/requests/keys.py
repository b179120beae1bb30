"""What a client may say about API keys."""

from dataclasses import dataclass
from typing import Final

from services.gateway.credentials import PLATFORM, Scope, is_tenant
from services.gateway.requests.fields import Broken, Fields, a_moment, a_text, seconds_as_ms

LONGEST_NAME: Final = 128  # characters
LONGEST_REASON: Final = 500
LONGEST_OVERLAP_SECONDS: Final = 30 * 24 * 3600
DEFAULT_OVERLAP_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A key as asked for; `expires_at` in ms since the epoch."""

    tenant: str
    scopes: frozenset[str]
    name: str
    expires_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How long the old secret stays valid, and why it is rotated."""

    overlap_ms: int
    reason: str | None


def parse_key_request(body: object, *, now_ms: int) -> KeyRequest:
    """Return the request in a body `{tenant, scopes, name?, expires_at?}`.

    Raises:
        Invalid: with a fault for each thing wrong.
    """
    fields = Fields(body)
    tenant = fields.required("tenant", _a_tenant)
    scopes = fields.required("scopes", _some_scopes)
    name = fields.optional("name", a_text(longest=LONGEST_NAME))
    expires_at = fields.optional("expires_at", a_moment)
    if expires_at is not None and expires_at <= now_ms:
        fields.fault("expires_at", "This lies in the past.")
    fields.finish()
    return KeyRequest(
        tenant=tenant or "", scopes=scopes or frozenset(), name=name or "", expires_at=expires_at
    )


def parse_rotation(body: object) -> Rotation:
    """Return the request in a body `{overlap_seconds?, reason?}`; raises Invalid."""
    fields = Fields(body)
    overlap = fields.optional("overlap_seconds", seconds_as_ms(LONGEST_OVERLAP_SECONDS))
    reason = fields.optional("reason", a_text(longest=LONGEST_REASON))
    fields.finish()
    default = DEFAULT_OVERLAP_SECONDS * 1000
    return Rotation(overlap_ms=default if overlap is None else overlap, reason=reason)


def parse_revocation(body: object) -> str | None:
    """Return the reason in a body `{reason?}`; raises Invalid."""
    fields = Fields(body)
    reason = fields.optional("reason", a_text(longest=LONGEST_REASON))
    fields.finish()
    return reason


def _a_tenant(value: object) -> str:
    if not isinstance(value, str) or not (value == PLATFORM or is_tenant(value)):
        raise Broken('This must be a tenant, [a-z0-9-]{1,63}, or "*" for a platform key.')
    return value


def _some_scopes(value: object) -> frozenset[str]:
    known = set(Scope)
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(scope, str) and scope in known for scope in value)
    ):
        raise Broken(f"This must be a list of one or more of {', '.join(Scope)}.")
    return frozenset(value)
