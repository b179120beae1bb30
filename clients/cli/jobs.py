"""`waymark jobs`: the newest jobs, or those that have what is asked for."""

import json
import sys
from typing import Annotated, Final

import typer

from clients.cli import render
from clients.cli.api import Api, Document
from clients.cli.command import command
from clients.cli.exits import Exit, Stop
from clients.cli.settings import read_settings
from clients.cli.values import BadValueError, labels_of

MOST_PAGES: Final = 50  # a page may be short where few of many jobs are meant


@command
def jobs(
    *,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    state: Annotated[str | None, typer.Option(help="Only: queued, running, failed …")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only jobs of this type.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only jobs with all of these.")
    ] = None,
    created_after: Annotated[
        str | None, typer.Option(metavar="TIME", help="Made then or later: 2026-01-31T09:30:00Z.")
    ] = None,
    created_before: Annotated[str | None, typer.Option(metavar="TIME", help="Made before.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> Exit:
    """List jobs, the newest first."""
    try:
        labels = labels_of(label or [])
    except BadValueError as fault:
        raise Stop(str(fault), Exit.USAGE) from None
    wishes = {
        "state": state,
        "type": type_,
        "queue": queue,
        "created_after": created_after,
        "created_before": created_before,
        **{f"label.{name}": value for name, value in labels.items()},
    }
    query = {name: wish for name, wish in wishes.items() if wish is not None}
    with Api(read_settings()) as api:
        found, more = _collect(api, query, limit)
    if as_json:
        for job in found:
            sys.stdout.write(json.dumps(job) + "\n")
        return Exit.SUCCEEDED
    console = render.stdout()
    render.show(console, render.jobs_table(found))
    if more and query:
        render.show(console, render.text("… and perhaps more: narrow it down, or raise --limit"))
    return Exit.SUCCEEDED


def _collect(api: Api, query: dict[str, str], limit: int) -> tuple[list[Document], bool]:
    """Return `limit` jobs, or all there are, and whether there may be more."""
    found: list[Document] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        wanted: dict[str, str | int | float] = {**query, "limit": limit - len(found)}
        if cursor is not None:
            wanted["cursor"] = cursor
        page = api.jobs(wanted)
        found += page["data"]
        cursor = page["page"].get("next")
        if cursor is None or len(found) >= limit:
            break
    return found, cursor is not None
