"""Who is calling, an API key or a browser token, and what it allows. Pure; see `keyring.py`."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.gateway.refusals import BadHeader, Forbidden, TenantRequired, Unauthenticated
from shared.contracts.tokens import Grant, verify

PLATFORM: Final = "*"
TENANT_HEADER: Final = "waymark-tenant"
_TENANT: Final = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_NO_KEY: Final = "0" * 64  # an unknown id does the same work as a known one


class Scope(StrEnum):
    """What a key may do."""

    SUBMIT = "submit"
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One line of the keys file; `secret_sha256` in hex, `tenant` "*" for the platform's."""

    id: str
    secret_sha256: str
    tenant: str
    scopes: frozenset[Scope]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a key (`grant` None) or a browser token (no scopes). `tenant` as it was named."""

    name: str
    scopes: frozenset[Scope]
    named_tenant: str | None
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

    def demand(self, *any_of: Scope) -> None:
        """Let pass only a key with one of these scopes.

        Raises:
            Forbidden: it has none of them.
        """
        if self.scopes.isdisjoint(any_of):
            wanted = " or ".join(any_of)
            raise Forbidden(f"This needs an API key with the scope {wanted}.")


def is_tenant(name: str) -> bool:
    """Whether this can be a tenant's name."""
    return _TENANT.fullmatch(name) is not None


def authenticate(
    headers: Mapping[str, str], *, keys: Mapping[str, ApiKey], token_secret: str, now: int
) -> Caller:
    """Return the caller behind an Authorization header; `now` in seconds since the epoch.

    Raises:
        Unauthenticated: no header, or a key that is not known.
        InvalidToken: a token that is not one of ours, or has expired (ExpiredToken).
        Forbidden: a tenant's key or a token that names a tenant.
        BadHeader: a Waymark-Tenant that cannot be one.
    """
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated
    named = headers.get(TENANT_HEADER)
    if credential.startswith("wm_"):
        return _key_caller(_known(credential, keys), named)
    grant = verify(credential, secret=token_secret, now=now)
    if named is not None:
        raise Forbidden("A browser token belongs to one tenant: leave Waymark-Tenant out.")
    return Caller(
        name=f"token:{grant.id}", scopes=frozenset(), named_tenant=grant.tenant, grant=grant
    )


def _known(credential: str, keys: Mapping[str, ApiKey]) -> ApiKey:
    identity, _, secret = credential.removeprefix("wm_").partition("_")
    key = keys.get(identity)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    matches = hmac.compare_digest(digest, key.secret_sha256 if key else _NO_KEY)
    if key is None or not matches:
        raise Unauthenticated("This API key is not known.")
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
    )
