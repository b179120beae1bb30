"""`waymark queues`: what waits where, and what may rest for a while."""

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
    name="queues",
    help="Look at queues, and let them rest. Takes WAYMARK_PLATFORM_KEY where it is set; a key of "
    "a tenant sees name, its own depth and whether a queue is paused.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Queue = Annotated[str, typer.Argument(metavar="QUEUE")]
AsJson = Annotated[bool, typer.Option("--json", help="As the service says it.")]


@app.command("list")
@command
def list_queues(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line.")] = False,
) -> Exit:
    """List the queues: how much waits, for how long, who serves them, which are paused."""
    with Api(read_settings().as_platform()) as api:
        document = api.queues()
    if as_json:
        sys.stdout.writelines(json.dumps(queue) + "\n" for queue in document["data"])
    else:
        render.show(render.stdout(), *house_tables.queues(document))
    return Exit.SUCCEEDED


@app.command()
@command
def pause(
    queue: Queue,
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it paused.")],
    *,
    as_json: AsJson = False,
) -> Exit:
    """Let no job of a queue begin; submits are taken, what runs goes on, the rest waits."""
    return _order("pause", queue, reason, as_json=as_json)


@app.command()
@command
def resume(
    queue: Queue,
    reason: Annotated[str | None, typer.Option(help="Why; kept on record.")] = None,
    *,
    as_json: AsJson = False,
) -> Exit:
    """Let a queue go on where it was, the urgent first."""
    return _order("resume", queue, reason, as_json=as_json)


def _order(order: str, queue: str, reason: str | None, *, as_json: bool) -> Exit:
    with Api(read_settings().as_platform()) as api:
        document = api.order_queue(order, queue, reason=reason)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return Exit.SUCCEEDED
    waiting = f"{document['depth']} waiting"
    if document["paused"]:
        words = f"{queue} paused {house_tables.pause_words(document)}; {waiting}"
    else:
        words = f"{queue} goes on, {waiting}"
    render.show(render.stdout(), render.text(words))
    return Exit.SUCCEEDED
