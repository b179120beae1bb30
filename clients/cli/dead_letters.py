"""`waymark dead-letters`: look at what failed for good, and give it a new life or up."""

import json
import sys
from typing import Annotated, Any, Final

import typer

from clients.cli import letter_tables, render
from clients.cli.api import Api, Document
from clients.cli.campaign import watch_campaign
from clients.cli.command import command
from clients.cli.exits import Exit, Stop
from clients.cli.settings import read_settings
from clients.cli.values import BadValueError, seconds_of

app = typer.Typer(
    name="dead-letters",
    help="Look at what failed for good, and give it a new life or up. Needs the scope operate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_AGE: Final = "Dead for at {} that long: 90s, 15m, 6h, 2d."
Type = Annotated[str | None, typer.Option("--type", help="Only jobs of this type.")]
DeadReason = Annotated[
    str | None,
    typer.Option(help="Only: attempts_exhausted, not_retryable, poison, unknown_type …"),
]
ErrorCode = Annotated[str | None, typer.Option(help="Only with this error.code.")]
OlderThan = Annotated[str | None, typer.Option(help=_AGE.format("least"))]
NewerThan = Annotated[str | None, typer.Option(help=_AGE.format("most"))]
AsJson = Annotated[bool, typer.Option("--json", help="As the service says it.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...")]
Everything = Annotated[bool, typer.Option("--all", help="All of them, when no filter is given.")]
Rate = Annotated[float | None, typer.Option(help="Letters a second; 100 unless told.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Act on so many at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count and show some; change nothing.")]
Reason = Annotated[str | None, typer.Option(help="Why you do it; kept on record.")]
WatchIt = Annotated[bool, typer.Option("--watch", "-w", help="Show it until it is over.")]


@app.command("list")
@command
def list_letters(
    *,
    type_: Type = None,
    dead_reason: DeadReason = None,
    error_code: ErrorCode = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> Exit:
    """List dead letters, those that failed last first."""
    wanted = _filter(type_, dead_reason, error_code, older_than, newer_than)
    with Api(read_settings()) as api:
        page = api.dead_letters({**wanted, "limit": limit})
    if as_json:
        for job in page["data"]:
            sys.stdout.write(json.dumps(job) + "\n")
        return Exit.SUCCEEDED
    console = render.stdout()
    render.show(console, letter_tables.letters_table(page["data"]))
    if page["page"]["has_more"]:
        render.show(console, render.text("… and more: narrow it down, or raise --limit"))
    return Exit.SUCCEEDED


@app.command()
@command
def redrive(
    ids: Ids = None,
    *,
    type_: Type = None,
    dead_reason: DeadReason = None,
    error_code: ErrorCode = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    rate: Rate = None,
    limit: Limit = None,
    reason: Reason = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    watch: WatchIt = False,
    as_json: AsJson = False,
) -> Exit:
    """Give dead letters a new life, at a bounded rate."""
    wanted = _filter(type_, dead_reason, error_code, older_than, newer_than)
    body = _target(ids or [], wanted, everything=everything)
    body |= _given(rate_per_second=rate, limit=limit, reason=reason, dry_run=dry_run or None)
    return _start("redrive", body, watch=watch, as_json=as_json)


@app.command()
@command
def discard(
    ids: Ids = None,
    *,
    type_: Type = None,
    dead_reason: DeadReason = None,
    error_code: ErrorCode = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    rate: Rate = None,
    limit: Limit = None,
    reason: Reason = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    watch: WatchIt = False,
    as_json: AsJson = False,
) -> Exit:
    """Give dead letters up for good: they stay failed and can be redriven no more."""
    wanted = _filter(type_, dead_reason, error_code, older_than, newer_than)
    body = _target(ids or [], wanted, everything=everything)
    body |= _given(rate_per_second=rate, limit=limit, reason=reason, dry_run=dry_run or None)
    return _start("discard", body, watch=watch, as_json=as_json)


@app.command("campaign")
@command
def show_campaign(
    campaign: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    *,
    abort: Annotated[
        bool, typer.Option("--abort", help="Stop it where it is; what it did stays done.")
    ] = False,
    watch: WatchIt = False,
    as_json: AsJson = False,
) -> Exit:
    """Show a campaign, or without an id the newest ones."""
    if campaign is None and (abort or watch):
        raise Stop("say which campaign: waymark dead-letters campaign ID", Exit.USAGE)
    with Api(read_settings()) as api:
        if campaign is None:
            found = api.campaigns()["data"]
            if as_json:
                sys.stdout.writelines(json.dumps(one) + "\n" for one in found)
            else:
                render.show(render.stdout(), letter_tables.campaigns_table(found))
            return Exit.SUCCEEDED
        document = api.abort_campaign(campaign) if abort else api.campaign(campaign)
        return _tell(api, document, watch=watch, as_json=as_json)


def _start(action: str, body: Document, *, watch: bool, as_json: bool) -> Exit:
    with Api(read_settings()) as api:
        document = api.start_campaign(action, body)
        if not document.get("dry_run"):
            return _tell(api, document, watch=watch, as_json=as_json)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        render.show(render.stdout(), *letter_tables.outlook(action, document))
    return Exit.SUCCEEDED


def _tell(api: Api, document: Document, *, watch: bool, as_json: bool) -> Exit:
    if watch:
        return watch_campaign(api, document, render.stdout())
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        render.show(render.stdout(), letter_tables.campaign_document(document))
    return Exit.SUCCEEDED


def _filter(
    type_: str | None,
    dead_reason: str | None,
    error_code: str | None,
    older_than: str | None,
    newer_than: str | None,
) -> Document:
    try:
        return _given(
            type=type_,
            reason=dead_reason,
            error_code=error_code,
            older_than_seconds=None if older_than is None else seconds_of(older_than),
            newer_than_seconds=None if newer_than is None else seconds_of(newer_than),
        )
    except BadValueError as fault:
        raise Stop(str(fault), Exit.USAGE) from None


def _target(ids: list[str], wanted: Document, *, everything: bool) -> Document:
    if ids and (wanted or everything):
        raise Stop("give either ids or a filter", Exit.USAGE)
    if wanted and everything:
        raise Stop("give either a filter or --all", Exit.USAGE)
    if not (ids or wanted or everything):
        raise Stop("say which: ids, a filter, or --all for all of them", Exit.USAGE)
    return {"ids": ids} if ids else {"filter": wanted}


def _given(**wishes: Any) -> Document:  # noqa: ANN401 - whatever JSON has
    return {name: wish for name, wish in wishes.items() if wish is not None}
