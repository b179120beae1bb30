"""Queues and workers as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from clients.cli.render import text

_TIME: Final = slice(0, 19)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400  # in seconds
_COUNTS: Final = ("in_flight", "scheduled", "retrying", "consumers")


def queues(document: Mapping[str, Any]) -> list[RenderableType]:
    """Return a table with one row a queue; a tenant's key gets three columns."""
    found = document["data"]
    whole = any("consumers" in queue for queue in found)
    names = ["in flight", "scheduled", "retrying", "workers"] if whole else []
    table = _table("queue", "depth", *(["oldest"] if whole else []), *names, "paused")
    for queue in found:
        row = [text(queue["name"]), text(queue["depth"])]
        if whole:
            row.append(text(duration(queue.get("oldest_age_seconds"))))
            row += [text(queue.get(name, "")) for name in _COUNTS]
        table.add_row(*row, pause_words(queue))
    return [table, *_unknown(document)]


def pause_words(queue: Mapping[str, Any]) -> Text:
    """Return `no`, or since when, by whom and why it rests, as far as one may know."""
    pause = queue.get("paused")
    if pause is None:
        return text("no")
    words = f"since {_moment(pause['at'])}"
    words += f" by {pause['by']}" if pause.get("by") else ""
    words += f": {pause['reason']}" if pause.get("reason") else ""
    told = text(words)
    told.stylize("yellow")
    return told


def workers(found: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return a table with one row a worker, and one of what they run."""
    table = _table("worker", "host", "pid", "version", "slots", "queues", "started", "state")
    for worker in found:
        slots = worker["slots"]
        table.add_row(
            text(worker["id"]),
            text(worker["host"]),
            text(worker["pid"]),
            text(worker["version"]),
            text(f"{slots['busy']} of {slots['total']} busy"),
            text(", ".join(worker["queues"])),
            text(_moment(worker["started_at"])),
            text("draining" if worker["draining"] else "in order"),
        )
    running = [(worker["id"], one) for worker in found for one in worker["running"]]
    if not running:
        return [table]
    jobs = _table("job", "type", "queue", "tenant", "attempt", "since", "worker")
    for worker, one in running:
        facts = (one["job"], one["type"], one["queue"], one["tenant"], one["attempt"])
        jobs.add_row(*map(text, facts), text(_moment(one["started_at"])), text(worker))
    return [table, Text(), jobs]


def duration(seconds: float | None) -> str:
    """Return `12 s`, `3 min`, `5.1 h` or `2.0 d`; nothing for None."""
    if seconds is None:
        return ""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < _DAY else f"{seconds / _DAY:.1f} d"


def _unknown(document: Mapping[str, Any]) -> list[RenderableType]:
    return [
        text(f"{one['field']} is not known: {one['why']}") for one in document.get("unknown", ())
    ]


def _moment(at: object) -> str:
    return str(at or "")[_TIME].replace("T", " ")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name, no_wrap=name != "paused")
    return table
