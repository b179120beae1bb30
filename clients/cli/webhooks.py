"""`waymark webhooks`: send one, and show what its receivers verify with."""

import json
import sys
from typing import Annotated

import typer

from clients.cli import render
from clients.cli.api import Api, Document
from clients.cli.command import command
from clients.cli.exits import Exit, Stop
from clients.cli.settings import read_settings
from clients.cli.values import BadValueError, payload_of
from clients.cli.watch import watch

app = typer.Typer(
    name="webhooks",
    help="Tell servers of yours what happened, signed as Standard Webhooks has it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command("secret")
@command
def show_secret(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As the service says it.")] = False,
) -> Exit:
    """Print the secret that signs your webhooks; older ones below it. Needs the scope operate."""
    with Api(read_settings()) as api:
        found = api.webhook_secret()
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return Exit.SUCCEEDED
    for secret in (found["secret"], *found["previous"]):
        sys.stdout.write(f"{secret}\n")
    return Exit.SUCCEEDED


@app.command()
@command
def deliver(
    url: Annotated[str, typer.Argument(metavar="URL")],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="The body; JSON where it reads as JSON."),
    ] = None,
    json_text: Annotated[
        str | None, typer.Option("--json", help="The body as JSON; - reads it from stdin.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option(help="What receivers tell repeats by; else the job's id.")
    ] = None,
    *,
    watch_it: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it until it is heard or given up.")
    ] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="One key makes one webhook, however often it is sent.")
    ] = None,
) -> Exit:
    """Send a webhook and print the id of the job that delivers it."""
    try:
        text = sys.stdin.read() if json_text == "-" else json_text
        webhook: Document = {"url": url, "payload": payload_of(values or [], text)}
    except BadValueError as fault:
        raise Stop(str(fault), Exit.USAGE) from None
    if event_id is not None:
        webhook["event_id"] = event_id
    console = render.stdout()
    with Api(read_settings()) as api:
        accepted = api.deliver_webhook(webhook, idempotency_key=idempotency_key)
        console.print(render.text(accepted["id"]), soft_wrap=True)
        if not watch_it:
            return Exit.SUCCEEDED
        return watch(api, accepted["id"], api.access_in(accepted["access"]), console)
