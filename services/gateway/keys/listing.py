"""GET /v1/keys: what one may ask, and keys as operators see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.gateway.credentials import ApiKey
from services.gateway.keys.file import KEY_ID
from services.gateway.keys.making import state_of
from services.gateway.refusals import Fault, Invalid
from services.gateway.requests.cursors import LONGEST_CURSOR, read_place, write_place
from services.gateway.requests.fields import Fields, a_text, a_whole_number, pointer
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT
from services.gateway.times import maybe_rfc3339
from shared.contracts.api_keys import StoredKey

View = dict[str, object]
_LIST: Final = "keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysQuery:
    """A page as asked for; `tenant` None: everybody's keys."""

    tenant: str | None
    after: str | None
    limit: int


def parse_keys_query(query: Mapping[str, str], *, tenant: str | None) -> KeysQuery:
    """Return what the query of GET /v1/keys asks for.

    Raises:
        Invalid: with a fault for each parameter that is unknown or wrong.
        BadCursor: a cursor that did not come from this list.
    """
    members: dict[str, object] = dict(query)
    if (text := query.get("limit", "")).isdecimal():
        members["limit"] = int(text[:9])
    fields = Fields(members)
    cursor = fields.optional("cursor", a_text(longest=LONGEST_CURSOR))
    limit = fields.optional("limit", a_whole_number(1, MAX_LIMIT))
    try:
        fields.finish()
    except Invalid as invalid:
        faults = [Fault(one.detail, pointer("query") + one.pointer) for one in invalid.errors]
        raise Invalid(errors=faults) from None
    after = None if cursor is None else read_place(cursor, of=(_LIST, tenant), like=KEY_ID)
    return KeysQuery(tenant=tenant, after=after, limit=limit or DEFAULT_LIMIT)


def page_of(views: Sequence[View], query: KeysQuery) -> tuple[Sequence[View], str | None]:
    """Return the part of all keys that a query asks for, by id, and the cursor of the next."""
    wanted = [
        view
        for view in sorted(views, key=lambda view: str(view["id"]))
        if query.tenant in (None, view["tenant"])
        and (query.after is None or str(view["id"]) > query.after)
    ]
    page = wanted[: query.limit]
    if len(wanted) == len(page):
        return page, None
    return page, write_place(str(page[-1]["id"]), of=(_LIST, query.tenant))


def stored_view(key: StoredKey, *, now: int, used: Mapping[str, int]) -> View:
    """Return a key of the store: everything but its secrets."""
    older = [secret.until for secret in key.secrets if secret.until is not None]
    overlap = max((until for until in older if until > now), default=None)
    return {
        "id": key.id,
        "tenant": key.tenant,
        "scopes": list(key.scopes),
        "name": key.name,
        "state": state_of(key, now=now),
        "source": "store",
        "created_at": maybe_rfc3339(key.created_at),
        "created_by": key.created_by,
        "expires_at": maybe_rfc3339(key.expires_at),
        "rotated_at": maybe_rfc3339(key.rotated_at),
        "old_secret_until": maybe_rfc3339(overlap),
        "revoked_at": maybe_rfc3339(key.revoked_at),
        "last_used_at": maybe_rfc3339(used.get(key.id)),
    }


def file_view(key: ApiKey, *, now: int, used: Mapping[str, int]) -> View:
    """Return a key of the file in the same shape."""
    over = key.expires_at is not None and key.expires_at <= now
    return {
        "id": key.id,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "name": key.name,
        "state": "expired" if over else "active",
        "source": "file",
        "created_at": None,
        "created_by": None,
        "expires_at": maybe_rfc3339(key.expires_at),
        "rotated_at": None,
        "old_secret_until": None,
        "revoked_at": None,
        "last_used_at": maybe_rfc3339(used.get(key.id)),
    }
