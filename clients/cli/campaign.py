"""Shows a campaign until it is over: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clients.cli.api import Api, Document
from clients.cli.exits import Exit, Stop
from clients.cli.letter_tables import campaign_document, counts_words
from clients.cli.render import show, text

LOOK_EVERY_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 60.0  # without any answer


def watch_campaign(
    api: Api,
    campaign: Document,
    console: Console,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Exit:
    """Show it until it is over; return 0, or 3 when it was aborted.

    Raises:
        Stop: it cannot be seen any longer, or the user pressed Ctrl-C (it goes on).
    """
    looks = _looks(api, campaign, pause)
    try:
        last = _live(looks, console) if console.is_terminal else _plain(looks, console)
    except KeyboardInterrupt:
        words = f"waymark dead-letters campaign {campaign['id']}"
        told = f"the campaign goes on\n  {words} --watch   to see it again\n  {words} --abort"
        raise Stop(told, Exit.INTERRUPTED) from None
    show(console, campaign_document(last))
    return Exit.SUCCEEDED if last["state"] == "finished" else Exit.CANCELLED


def _looks(api: Api, campaign: Document, pause: Callable[[float], None]) -> Iterator[Document]:
    """Yield it as it stands, again and again; an outage is waited out."""
    heard_at = time.monotonic()
    yield campaign
    while campaign["state"] == "running":
        pause(LOOK_EVERY_SECONDS)
        try:
            campaign = api.campaign(campaign["id"])
        except Stop as stop:
            away = stop.status is Exit.UNREACHABLE
            if not away or time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise
            continue
        heard_at = time.monotonic()
        yield campaign


def _plain(looks: Iterator[Document], console: Console) -> Document:
    last: Document = {}
    told = ""
    for last in looks:
        words = counts_words(last["counts"])
        if words != told:
            show(console, text(words))
        told = words
    return last


def _live(looks: Iterator[Document], console: Console) -> Document:
    last: Document = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=None)
        for last in looks:
            counts = last["counts"]
            handled = counts["done"] + counts["failed"] + counts["skipped"]
            progress.update(
                bar, total=counts["matched"], completed=handled, description=last["action"]
            )
    return last
