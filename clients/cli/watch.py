"""Watches one job to its end and tells how it went."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from clients.cli.api import Access, Api
from clients.cli.display import display_on
from clients.cli.exits import OF_STATE, Exit, Stop
from clients.cli.follow import JobView
from clients.cli.render import outcome, show, state, took
from clients.cli.stream import Away, Stream


def watch(api: Api, job: str, access: Access, console: Console) -> Exit:
    """Show the job until it has ended; return how it ended.

    Raises:
        Stop: it cannot be watched any longer, or the user pressed Ctrl-C (the job runs on).
    """
    view = JobView(job)
    stream = Stream(view, access, renew=lambda: api.access(job))
    try:
        with display_on(console) as display:
            for news in stream.news():
                if isinstance(news, Away):
                    display.say(f"{news.why}; next try in {news.seconds:.1f} s")
                else:
                    display.show(view)
    except KeyboardInterrupt:
        text = (
            f"the job goes on\n  waymark watch {job}    to see it again\n"
            f"  waymark cancel {job}   to call it off"
        )
        raise Stop(text, Exit.INTERRUPTED) from None
    tell_end(_whole(api, view), console)
    return OF_STATE[view.state]


def tell_end(job: Mapping[str, Any], console: Console) -> None:
    """Print the final state, the attempts where they tell something, and the result."""
    attempts = job.get("attempt") or 0
    words = state(job["state"])
    words.append(f" after {attempts} attempt{'' if attempts == 1 else 's'}", style="default")
    words.append(took(job), style="dim")
    show(console, words, *outcome(job))


def _whole(api: Api, view: JobView) -> Mapping[str, Any]:
    try:
        return api.job(view.job)
    except Stop:  # the gateway is away: what the stream told is the most that can be shown
        return {
            "state": view.state,
            "attempt": view.attempt,
            "result": view.result,
            "error": view.error,
        }
