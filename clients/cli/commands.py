"""The commands: words on the command line in, text and an exit status out."""

import json
import math
import sys
from typing import Annotated

import typer

from clients.cli import dead_letters, keys, queues, render, webhooks, workers
from clients.cli.api import Api, Document
from clients.cli.audit import audit
from clients.cli.bulk import bulk
from clients.cli.command import command
from clients.cli.exits import OF_STATE, Exit, Stop
from clients.cli.jobs import jobs
from clients.cli.settings import read_settings
from clients.cli.values import BadValueError, labels_of, payload_of
from clients.cli.watch import tell_end, watch

app = typer.Typer(
    name="waymark",
    help="Submit long jobs and watch them. Ends with 0 succeeded, 1 failed, 2 wrong request, "
    "3 cancelled, 4 expired, 5 service unreachable or not authorised, 130 Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(dead_letters.app)
app.add_typer(queues.app)
app.add_typer(workers.app)
app.add_typer(webhooks.app)
app.add_typer(keys.app)
app.command()(audit)
app.command()(jobs)
app.command()(bulk)


@app.command()
@command
def submit(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="What to run: csv.profile …")],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="The payload; JSON where it reads as JSON."),
    ] = None,
    json_text: Annotated[
        str | None, typer.Option("--json", help="The payload as JSON; - reads it from stdin.")
    ] = None,
    *,
    watch_it: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it until it has ended.")
    ] = False,
    queue: Annotated[str | None, typer.Option(help="Instead of its type's queue.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=9)] = None,
    delay: Annotated[float | None, typer.Option(min=0, help="Seconds until it may start.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="One key makes one job, however often it is sent.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE")] = None,
    unique_key: Annotated[str | None, typer.Option(help="One living job has it.")] = None,
    on_conflict: Annotated[
        str | None, typer.Option(help="If one has: return it, or reject.")
    ] = None,
    callback_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Told of its end by a signed webhook.")
    ] = None,
) -> Exit:
    """Submit a job and print its id."""
    wishes: Document = {
        "queue": queue,
        "priority": priority,
        "delay_seconds": delay,
        "unique_key": unique_key,
        "on_conflict": on_conflict,
        "callback_url": callback_url,
    }
    job: Document = {name: wish for name, wish in wishes.items() if wish is not None}
    if delay is not None and not math.isfinite(delay):
        raise Stop("--delay must be a number of seconds", Exit.USAGE)
    try:
        text = sys.stdin.read() if json_text == "-" else json_text
        job |= {"type": type_, "payload": payload_of(values or [], text)}
        if label:
            job["labels"] = labels_of(label)
    except BadValueError as fault:
        raise Stop(str(fault), Exit.USAGE) from None
    console = render.stdout()
    with Api(read_settings()) as api:
        accepted = api.submit(job, idempotency_key=idempotency_key)
        console.print(render.text(accepted["id"]), soft_wrap=True)
        if not watch_it:
            return Exit.SUCCEEDED
        access = accepted.get("access")
        return watch(
            api,
            accepted["id"],
            api.access_in(access) if access else api.access(accepted["id"]),
            console,
        )


@app.command("watch")
@command
def watch_job(job: Annotated[str, typer.Argument(metavar="ID")]) -> Exit:
    """Show a job until it has ended."""
    console = render.stdout()
    with Api(read_settings()) as api:
        document = api.job(job)
        if document["final"]:
            tell_end(document, console)
            return OF_STATE[document["state"]]
        return watch(api, job, api.access(job), console)


@app.command("job")
@command
def show_job(
    job: Annotated[str, typer.Argument(metavar="ID")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As the service says it.")] = False,
) -> Exit:
    """Show one job as it stands."""
    with Api(read_settings()) as api:
        document = api.job(job)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        render.show(render.stdout(), render.job_document(document))
    return Exit.SUCCEEDED


@app.command()
@command
def cancel(
    job: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str | None, typer.Option(help="Kept with the job.")] = None,
    grace: Annotated[
        float | None, typer.Option(min=0, help="Seconds it gets to stop before it is killed.")
    ] = None,
) -> Exit:
    """Call a job off."""
    if grace is not None and not math.isfinite(grace):
        raise Stop("--grace must be a number of seconds", Exit.USAGE)
    with Api(read_settings()) as api:
        document = api.cancel(job, reason=reason, grace_seconds=grace)
    words = "cancelled" if document["final"] else "asked to stop; it is running"
    render.stdout().print(render.text(f"{document['id']} {words}"), soft_wrap=True)
    return Exit.SUCCEEDED


@app.command()
@command
def retry(
    job: Annotated[str, typer.Argument(metavar="ID")],
    reason: Annotated[str | None, typer.Option(help="Why; for the service's log.")] = None,
) -> Exit:
    """Redrive a dead letter now; many of them: waymark dead-letters redrive."""
    with Api(read_settings()) as api:
        document = api.retry(job, reason=reason)
    words = f"{document['id']} {document['state']}, life {document['redrives'] + 1}"
    render.stdout().print(render.text(words), soft_wrap=True)
    return Exit.SUCCEEDED
