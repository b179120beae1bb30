"""GET /v1/audit: what one may ask, and the pages that answer it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.gateway.refusals import Fault, Invalid
from services.gateway.requests.cursors import LONGEST_CURSOR, read_place, write_place
from services.gateway.requests.fields import Fields, a_text, a_whole_number, pointer
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT
from services.gateway.times import rfc3339
from shared.contracts.audit import AuditEntry
from shared.ports import AuditLog

LONGEST_WORD: Final = 128  # characters
LOOK_AT: Final = 1_000  # entries at once, when a filter leaves some out
MOST_LOOKS: Final = 20  # for one page; then it ends short
_LIST: Final = "audit"
_PLACE: Final = re.compile(r"\d{1,20}-\d{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; None: all."""

    action: str | None = None
    by: str | None = None
    target: str | None = None

    def takes(self, entry: AuditEntry) -> bool:
        """Whether an entry is one of them."""
        return (
            self.action in (None, entry.action)
            and self.by in (None, entry.by)
            and self.target in (None, entry.target)
        )


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first. `next`: the place that the page after this one starts from."""

    entries: Sequence[AuditEntry]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """A page as asked for; `tenant` None: the whole house."""

    tenant: str | None
    filter: AuditFilter
    before: str | None
    limit: int


def parse_audit_query(query: Mapping[str, str], *, tenant: str | None) -> AuditQuery:
    """Return what the query of GET /v1/audit asks for.

    Raises:
        Invalid: with a fault for each parameter that is unknown or wrong.
        BadCursor: a cursor that did not come from this list with this filter.
    """
    members: dict[str, object] = dict(query)
    if (limit := query.get("limit", "")).isdecimal():
        members["limit"] = int(limit[:9])
    fields = Fields(members)
    word = a_text(longest=LONGEST_WORD)
    wanted = AuditFilter(
        action=fields.optional("action", word),
        by=fields.optional("by", word),
        target=fields.optional("target", word),
    )
    cursor = fields.optional("cursor", a_text(longest=LONGEST_CURSOR))
    most = fields.optional("limit", a_whole_number(1, MAX_LIMIT))
    try:
        fields.finish()
    except Invalid as invalid:
        faults = [Fault(one.detail, pointer("query") + one.pointer) for one in invalid.errors]
        raise Invalid(errors=faults) from None
    before = None if cursor is None else _read_cursor(cursor, tenant, wanted)
    return AuditQuery(tenant=tenant, filter=wanted, before=before, limit=most or DEFAULT_LIMIT)


async def find_entries(query: AuditQuery, *, store: AuditLog) -> AuditPage:
    """Return a page, newest first; it may end short of its limit and still have a next.

    Raises:
        StoreUnavailable: the store did not answer in time.
    """
    found: dict[str, AuditEntry] = {}  # by id: one whose append was repeated stands there twice
    place = query.before
    many = query.limit + 1 if query.filter == AuditFilter() else LOOK_AT
    for _ in range(MOST_LOOKS):
        looked = await store.page(query.tenant, before=place, limit=many)
        for at, entry in looked:
            if query.filter.takes(entry) and entry.id not in found:
                if len(found) == query.limit:
                    return AuditPage(tuple(found.values()), place)
                found[entry.id] = entry
            place = at
        if len(looked) < many:
            return AuditPage(tuple(found.values()), None)
    return AuditPage(tuple(found.values()), place)


def entry_view(entry: AuditEntry) -> dict[str, object]:
    """Return an entry as operators see it."""
    return {
        "id": entry.id,
        "at": rfc3339(entry.at),
        "tenant": entry.tenant,
        "by": entry.by,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.reason,
    }


def write_audit_cursor(place: str, query: AuditQuery) -> str:
    """Return the cursor for the page after `place`."""
    return write_place(place, of=(_LIST, query.tenant, query.filter))


def _read_cursor(cursor: str, tenant: str | None, wanted: AuditFilter) -> str:
    return read_place(cursor, of=(_LIST, tenant, wanted), like=_PLACE)
