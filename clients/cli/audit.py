"""`waymark audit`: what operators did, by whom and why."""

import json
import sys
from typing import Annotated

import typer

from clients.cli import access_tables, render
from clients.cli.api import Api
from clients.cli.command import command
from clients.cli.exits import Exit
from clients.cli.settings import read_settings


@command
def audit(
    tenant: Annotated[
        str | None, typer.Option(help="Only this one's; with a platform key else everybody's.")
    ] = None,
    action: Annotated[str | None, typer.Option(help="Only this: job.cancel, key.revoke …")] = None,
    by: Annotated[str | None, typer.Option(help="Only what this key did: key:ID.")] = None,
    target: Annotated[
        str | None, typer.Option(help="Only what was done to this: a job's id, a queue …")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    *,
    platform: Annotated[
        bool, typer.Option("--platform", help="Ask with WAYMARK_PLATFORM_KEY.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> Exit:
    """List what operators did, newest first. Needs the scope operate."""
    settings = read_settings()
    if platform or tenant is not None:  # only a platform key may name a tenant
        settings = settings.as_platform()
    wishes = {"action": action, "by": by, "target": target}
    query = {name: wish for name, wish in wishes.items() if wish is not None}
    with Api(settings) as api:
        page = api.audit({**query, "limit": limit}, tenant=tenant)
    if as_json:
        sys.stdout.writelines(json.dumps(entry) + "\n" for entry in page["data"])
        return Exit.SUCCEEDED
    render.show(render.stdout(), access_tables.audit_table(page["data"]))
    if page["page"]["has_more"]:
        render.show(render.stdout(), render.text("… and more: narrow it down, or raise --limit"))
    return Exit.SUCCEEDED
