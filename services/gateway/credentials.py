"""Who is calling, an API key or a browser token, and what it allows. Pure; see `keys/`."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.gateway.refusals import (
    BadHeader,
    Forbidden,
    KeyOver,
    NoCredential,
    TenantRequired,
    Unauthenticated,
    UnknownKey,
)
from shared.contracts.errors import RevokedToken
from shared.contracts.tokens import Grant, verify

PLATFORM: Final = "*"
TENANT_HEADER: Final = "waymark-tenant"
_TENANT: Final = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_JWT_DOTS: Final = 2


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's SHA-256 in hex; `until` (ms since the epoch) None: as long as its key."""

    sha256: str
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as the gateway checks it; `tenant` "*" for the platform's, times in ms."""

    id: str
    secrets: tuple[Secret, ...]
    tenant: str
    scopes: frozenset[Scope]
    name: str
    expires_at: int | None = None
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a key (`grant` None) or a browser token (no scopes). `tenant` as it was named.

    `key`: the id of the key, or of the one that the token was minted with. `home`: whose it is,
    PLATFORM or a tenant.
    """

    name: str
    scopes: frozenset[Scope]
    named_tenant: str | None
    key: str
    home: str
    grant: Grant | None = None

    @property
    def tenant(self) -> str:
        """The tenant whose jobs this is about.

        Raises:
            TenantRequired: a platform key without Waymark-Tenant.
        """
        if self.named_tenant is None:
            raise TenantRequired
        return self.named_tenant

    @property
    def of_platform(self) -> bool:
        """Whether it is the platform's key, the SRE's."""
        return self.home == PLATFORM

    def demand_platform(self) -> None:
        """Let pass only the platform's keys.

        Raises:
            Forbidden: it is a tenant's.
        """
        if not self.of_platform:
            raise Forbidden("This is for the whole house: it needs a platform key.")

    def demand(self, *any_of: Scope) -> None:
        """Let pass only a key with one of these scopes.

        Raises:
            Forbidden: it has none of them.
        """
        if self.scopes.isdisjoint(any_of):
            wanted = " or ".join(any_of)
            raise Forbidden(f"This needs an API key with the scope {wanted}.")


Find = Callable[[str], ApiKey | None]
"""Returns the key with an id. Raises StoreUnavailable when that cannot be known."""

_NO_SECRETS: Final = (Secret("0" * 64),)  # an unknown id does the same work as a known one


def is_tenant(name: str) -> bool:
    """Whether this can be a tenant's name."""
    return _TENANT.fullmatch(name) is not None


def authenticate(
    headers: Mapping[str, str], *, find: Find, token_secret: str, now_ms: int
) -> Caller:
    """Return the caller behind an Authorization header; `now_ms` since the epoch.

    Raises:
        NoCredential: no header of that scheme.
        Unauthenticated: nothing that could be a key or a token.
        UnknownKey: a key that `find` does not know, or not with this secret.
        KeyOver: a key that has expired or was revoked.
        InvalidToken: a token that is not one of ours, has expired (ExpiredToken), or whose key
            was revoked (RevokedToken).
        Forbidden: a tenant's key or a token that names a tenant.
        BadHeader: a Waymark-Tenant that cannot be one.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise NoCredential
    named = headers.get(TENANT_HEADER)
    if credential.startswith("wm_"):
        return _key_caller(_known(credential, find, now_ms), named)
    if credential.count(".") != _JWT_DOTS:
        raise Unauthenticated(
            "This is neither an API key (wm_<id>_<secret>) nor a browser token: look at what"
            " the Authorization header is made of."
        )
    grant = verify(credential, secret=token_secret, now=now_ms // 1000)
    if grant.key and (minter := find(grant.key)) and minter.revoked_at is not None:
        raise RevokedToken
    if named is not None:
        raise Forbidden("A browser token belongs to one tenant: leave Waymark-Tenant out.")
    return Caller(
        name=f"token:{grant.id}",
        scopes=frozenset(),
        named_tenant=grant.tenant,
        key=grant.key,
        home=grant.tenant,
        grant=grant,
    )


def _known(credential: str, find: Find, now_ms: int) -> ApiKey:
    identity, _, secret = credential.removeprefix("wm_").partition("_")
    key = find(identity)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    matching = [
        known
        for known in (key.secrets if key else _NO_SECRETS)
        if hmac.compare_digest(digest, known.sha256)
    ]
    if key is None or not matching:
        raise UnknownKey
    # What follows is told only to whoever knows the secret.
    if key.revoked_at is not None:
        raise KeyOver("This API key was revoked: ask for a new one.", why="revoked")
    if key.expires_at is not None and key.expires_at <= now_ms:
        raise KeyOver("This API key has expired: ask for a new one.", why="expired")
    if all(secret.until is not None and secret.until <= now_ms for secret in matching):
        raise KeyOver("This API key was rotated: its new secret is to be used now.", why="rotated")
    return key


def _key_caller(key: ApiKey, named: str | None) -> Caller:
    if key.tenant != PLATFORM and named is not None:
        raise Forbidden("Only a platform key may name a tenant: leave Waymark-Tenant out.")
    if named is not None and not is_tenant(named):
        raise BadHeader("Waymark-Tenant is not the name of a tenant.")
    return Caller(
        name=f"key:{key.id}",
        scopes=key.scopes,
        named_tenant=named if key.tenant == PLATFORM else key.tenant,
        key=key.id,
        home=key.tenant,
    )
