"""`waymark workers`: who is alive, and what they run."""

import json
import sys
from typing import Annotated

import typer

from clients.cli import house_tables, render
from clients.cli.api import Api
from clients.cli.command import command
from clients.cli.exits import Exit
from clients.cli.settings import read_settings

app = typer.Typer(
    name="workers",
    help="Look at workers. Needs a platform key: WAYMARK_PLATFORM_KEY.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def workers() -> None:
    """Look at workers."""


@app.command("list")
@command
def list_workers(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> Exit:
    """List the workers that have said within 15 s that they are alive."""
    with Api(read_settings().as_platform()) as api:
        found = api.workers()["data"]
    if as_json:
        sys.stdout.writelines(json.dumps(worker) + "\n" for worker in found)
    else:
        render.show(render.stdout(), *house_tables.workers(found))
    return Exit.SUCCEEDED
