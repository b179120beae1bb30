"""Dead letters and campaigns as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from clients.cli.render import text

STYLES = {"running": "cyan", "finished": "green", "aborted": "yellow"}
_LONGEST_MESSAGE = 60


def letters_table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a dead letter."""
    table = _table("id", "type", "reason", "error", "message", "attempts", "lives", "since")
    for job in jobs:
        dead, error = job.get("dead_letter") or {}, job.get("error") or {}
        message = str(error.get("message") or "").partition("\n")[0]
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]} …"
        table.add_row(
            text(job["id"]),
            text(job["type"]),
            text(dead.get("reason") or ""),
            text(error.get("code") or ""),
            text(message),
            text(job["attempt"]),
            text(job.get("redrives", 0) + 1),
            text(_moment(dead.get("since"))),
        )
    return table


def campaigns_table(campaigns: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a campaign."""
    table = _table("id", "action", "state", "done", "matched", "failed", "skipped", "by", "created")
    for one in campaigns:
        counts = one["counts"]
        table.add_row(
            text(one["id"]),
            text(one["action"]),
            state(one),
            *(text(counts[name]) for name in ("done", "matched", "failed", "skipped")),
            text(one["created_by"]),
            text(_moment(one["created_at"])),
        )
    return table


def campaign_document(campaign: Mapping[str, Any]) -> Table:
    """Return everything worth knowing about one campaign."""
    facts = Table.grid(padding=(0, 2))
    counts = campaign["counts"]
    rows: list[tuple[str, RenderableType]] = [
        ("campaign", text(campaign["id"])),
        ("action", text(campaign["action"])),
        ("state", state(campaign)),
        ("counts", text(counts_words(counts))),
        ("which", text(_which(campaign["filter"]))),
        ("rate", text(f"{campaign['rate_per_second']:g} a second")),
        ("by", text(campaign["created_by"])),
        ("created", text(campaign["created_at"])),
    ]
    rows += [
        (name, text(campaign[key]))
        for name, key in (("limit", "limit"), ("reason", "reason"), ("over", "finished_at"))
        if campaign.get(key) is not None
    ]
    for name, value in rows:
        facts.add_row(Text(name, style="dim"), value)
    return facts


def outlook(action: str, document: Mapping[str, Any]) -> list[RenderableType]:
    """Return what a dry run found."""
    many = f"{'' if document.get('exact', True) else 'at least '}{document['matched']}"
    parts: list[RenderableType] = [text(f"would {action} {many}; nothing was changed")]
    if document["sample"]:
        parts += [Text(), letters_table(document["sample"])]
    return parts


def counts_words(counts: Mapping[str, Any]) -> str:
    """Return the counts on one line: `30 of 200 done, 1 skipped`."""
    words = [f"{counts['done']} of {counts['matched']} done"]
    words += [f"{counts[name]} {name}" for name in ("failed", "skipped") if counts[name]]
    return ", ".join(words)


def state(campaign: Mapping[str, Any]) -> Text:
    """Return its state in its colour."""
    name = str(campaign["state"])
    words = text(name)
    words.stylize(STYLES.get(name, ""))
    return words


def _which(wanted: Mapping[str, Any] | None) -> str:
    if wanted is None:
        return "by ids"
    given = [f"{name}={value}" for name, value in wanted.items() if value is not None]
    return ", ".join(given) or "all of them"


def _moment(at: object) -> str:
    return str(at or "")[:19].replace("T", " ")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=name != "message")
    return table
