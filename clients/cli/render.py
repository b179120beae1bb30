"""Documents of the service as text and tables for people."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.cli.exits import plain

STYLES: Final = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "expired": "yellow",
    "running": "cyan",
    "retrying": "magenta",
}
_MANY: Final = 10_000  # from here on digits are grouped, and decimals say nothing
_WIDE: Final = 160  # columns where there is no terminal to ask
_LONGEST_CELL: Final = 60
_FOR_USERS: Final = "Fail"  # its text says all; the traceback would only show where it is raised
_THOUSAND: Final = 1000


def job_document(job: Mapping[str, Any]) -> RenderableType:
    """Return everything worth knowing about one job."""
    facts = Table.grid(padding=(0, 2))
    rows: list[tuple[str, RenderableType]] = [
        ("job", text(job["id"])),
        ("type", text(f"{job['type']}  (queue {job['queue']}, priority {job['priority']})")),
        ("state", state(job["state"])),
        ("attempts", text(f"{job['attempt']} of at most {job['max_attempts']}")),
        ("created", text(job["created_at"])),
    ]
    optional = ("run_at", "started_at", "finished_at", "retry_at", "cancel_requested_at")
    rows += [(name, text(job[name])) for name in optional if job.get(name)]
    if job.get("progress"):
        rows.append(("progress", text(progress_words(job["progress"]))))
    if job.get("labels"):
        rows.append(("labels", compact(job["labels"])))
    if job.get("dead_letter"):
        reason = job["dead_letter"]["reason"]
        rows.append(("dead letter", text(f"{reason}, since {job['dead_letter']['since']}")))
    for name, value in rows:
        facts.add_row(Text(name, style="dim"), value)
    return Group(facts, *outcome(job))


def outcome(job: Mapping[str, Any]) -> list[RenderableType]:
    """Return how it went: its attempts, where they tell something, its error, its result."""
    parts: list[RenderableType] = []
    attempts = job.get("attempts") or []
    # One attempt alone tells nothing that state and error do not.
    if len(attempts) > 1:
        parts += [Text(), attempts_table(attempts)]
    if job.get("error"):
        parts += [Text(), error_text(job["error"])]
    if job.get("result") is not None:
        parts += [Text(), *result(job["result"])]
    return parts


def jobs_table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a job."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("id", "type", "state", "progress", "attempt", "created"):
        table.add_column(name, no_wrap=True)
    for job in jobs:
        percent = (job.get("progress") or {}).get("percent")
        table.add_row(
            text(job["id"]),
            text(job["type"]),
            state(job["state"]),
            Text("" if percent is None else f"{percent:.0f} %"),
            text(f"{job['attempt']}/{job['max_attempts']}"),
            text(str(job["created_at"])[:19].replace("T", " ")),
        )
    return table


def attempts_table(attempts: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row an attempt."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("attempt", "outcome", "started", "seconds", "error"):
        table.add_column(name)
    for attempt in attempts:
        error = attempt.get("error") or {}
        table.add_row(
            text(attempt["number"]),
            text(attempt.get("outcome") or "running"),
            text(attempt["started_at"]),
            text(_seconds(attempt)),
            text(error.get("message") or error.get("code") or ""),
        )
    return table


def error_text(error: Mapping[str, Any]) -> Text:
    """Return an error: its code and text, and the traceback for who may see it."""
    words = Text.assemble((plain(str(error.get("code"))), "bold red"))
    if error.get("message"):
        words.append(f": {plain(str(error['message']))}")
    if error.get("traceback") and error.get("type") != _FOR_USERS:
        words.append(f"\n{plain(str(error['traceback'])).rstrip()}", style="dim")
    return words


def result(value: object) -> list[RenderableType]:
    """Return any result; a list of flat objects becomes a table, an object its members."""
    if not isinstance(value, dict):
        return [_table(value) if _is_tabular(value) else compact(value)]
    facts = Table.grid(padding=(0, 2))
    tables: list[RenderableType] = []
    for name, member in value.items():
        if _is_tabular(member):
            tables += [Text(), Text(plain(name), style="bold"), _table(member)]
        else:
            facts.add_row(Text(plain(name), style="dim"), cell(member))
    return [facts, *tables] if facts.row_count else tables


def cell(value: object) -> Text:
    """Return one value, short and readable."""
    match value:
        case None:
            return Text("-", style="dim")
        case bool():
            return Text("yes" if value else "no")
        case int():
            return Text(f"{value:,}" if abs(value) >= _MANY else str(value))
        case float():
            return Text(f"{value:,.1f}" if abs(value) >= _MANY else f"{value:.4g}")
        case str():
            return Text(plain(value))
        case _:
            return compact(value)


def compact(value: object) -> Text:
    """Return any JSON on one line; a long one is cut."""
    line = json.dumps(value, ensure_ascii=False)
    return Text(plain(line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]} …"))


def progress_words(progress: Mapping[str, Any] | None) -> str:
    """Return progress as one line: `30 % (120/400) reading`."""
    if not progress:
        return ""
    percent, current, total = (progress.get(name) for name in ("percent", "current", "total"))
    words = [
        "" if percent is None else f"{percent:.0f} %",
        "" if current is None else f"({current}/{total})" if total else f"({current})",
        str(progress.get("message") or ""),
    ]
    return " ".join(word for word in words if word)


def short_count(number: float) -> str:
    """Return a count in at most five characters or so: `9999`, `12.3k`, `31.1M`."""
    if abs(number) < _MANY:
        return f"{number:.4g}"
    for unit in "kMGT":
        number /= _THOUSAND
        if abs(number) < _THOUSAND:
            return f"{number:.1f}{unit}"
    return f"{number:.3g}T"


def state(name: object) -> Text:
    """Return a state in its colour."""
    return Text(plain(str(name)), style=STYLES.get(str(name), ""))


def text(value: object) -> Text:
    """Return whatever the service said, harmless to the terminal and to rich."""
    return Text(plain(str(value)))


class _Paper(Console):
    """Lets a closed pipe be an error like any other; rich would end the program with status 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def stdout() -> Console:
    """Return where results go; without a terminal tables get room, unless COLUMNS says how much."""
    console = _Paper()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def show(console: Console, *parts: RenderableType) -> None:
    """Print parts below each other; without a terminal nothing is cut to a width."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def _is_tabular(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and item for item in value)
        and not any(isinstance(member, dict) for item in value for member in item.values())
    )


def _table(rows: Any) -> Table:  # noqa: ANN401 - JSON that `_is_tabular` has looked at
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(pad_edge=False, box=None, header_style="dim")
    for name in names:
        numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        table.add_column(plain(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(name)) for name in names))
    return table


def took(job: Mapping[str, Any]) -> str:
    """Return ` in 9.9 s`, from submit to end; nothing for what is unknown or too short to tell."""
    seconds = _seconds(job, since="created_at")
    return f" in {seconds} s" if seconds not in {"", "0.0"} else ""


def _seconds(times: Mapping[str, Any], *, since: str = "started_at") -> str:
    try:
        began = datetime.fromisoformat(times[since])
        ended = datetime.fromisoformat(times["finished_at"])
    except (KeyError, TypeError, ValueError):
        return ""
    return f"{(ended - began).total_seconds():.1f}"
