"""API keys and what operators did, as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from clients.cli.render import text

_STYLES = {"active": "green", "expired": "yellow", "revoked": "red"}


def keys_table(keys: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a key."""
    table = _table("id", "tenant", "scopes", "name", "state", "from", "expires", "last used")
    for key in keys:
        state = text(key["state"])
        state.stylize(_STYLES.get(str(key["state"]), ""))
        table.add_row(
            text(key["id"]),
            text(key["tenant"]),
            text(", ".join(key["scopes"])),
            text(key["name"]),
            state,
            text(key["source"]),
            text(_moment(key["expires_at"])),
            text(_moment(key["last_used_at"]) or "never"),
        )
    return table


def audit_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row an action."""
    table = _table("at", "tenant", "by", "action", "target", "reason")
    for entry in entries:
        table.add_row(
            text(_moment(entry["at"])),
            text(entry["tenant"] or "(all)"),
            *(text(entry[name]) for name in ("by", "action", "target")),
            text(entry["reason"] or ""),
        )
    return table


def _moment(at: object) -> str:
    return str(at or "")[:19].replace("T", " ")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=name not in {"name", "reason"})
    return table
