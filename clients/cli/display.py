"""A job on the screen while it runs: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from itertools import takewhile
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from clients.cli.bar import MovingLine
from clients.cli.exits import plain
from clients.cli.follow import JobView
from clients.cli.render import progress_words, state

LINE_EVERY_SECONDS: Final = 1.0  # of progress, without a terminal
REDRAWS_PER_SECOND: Final = 12  # progress comes ten times a second at most


class Display(Protocol):
    """Shows a view whenever it has changed."""

    def show(self, view: JobView) -> None:
        """Show what has changed."""

    def say(self, words: str) -> None:
        """Show a remark, above what moves."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the screen tidy."""


def display_on(console: Console) -> Display:
    """Return what suits this console."""
    moves = console.is_terminal and not console.is_dumb_terminal
    return LiveDisplay(console) if moves else PlainDisplay(console)


class _Steps:
    """Tells each step once, also when a snapshot of another epoch starts counting anew."""

    def __init__(self) -> None:
        self._epoch: str | None = None
        self._told: list[Mapping[str, Any]] = []

    def fresh(self, view: JobView) -> list[Mapping[str, Any]]:
        if view.epoch is None:
            return []
        known = len(self._told)
        if view.epoch != self._epoch:
            pairs = zip(self._told, view.history, strict=False)
            known = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        self._epoch, self._told = view.epoch, list(view.history)
        return view.history[known:]


class PlainDisplay:
    """One line for each step, and for progress at most one a second."""

    def __init__(
        self, console: Console, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Describe it."""
        self._console = console
        self._monotonic = monotonic
        self._steps = _Steps()
        self._next_line_at = 0.0
        self._last = ""

    def show(self, view: JobView) -> None:
        """Print what is new."""
        for entry in self._steps.fresh(view):
            attempt = f", attempt {view.attempt}" if entry["state"] == "running" else ""
            self._line(f"{entry['at']}  {entry['state']}{attempt}")
        words = progress_words(view.progress) if view.state == "running" else ""
        now = self._monotonic()
        if words and words != self._last and now >= self._next_line_at:
            self._next_line_at = now + LINE_EVERY_SECONDS
            self._last = words
            self._line(f"  {words}")

    def say(self, words: str) -> None:
        """Print it."""
        self._line(words)

    def _line(self, words: str) -> None:
        self._console.print(Text(plain(words)), soft_wrap=True)

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing to tidy."""


class LiveDisplay:
    """A line for each step, and under them one that moves."""

    def __init__(self, console: Console) -> None:
        """Describe it."""
        self._console = console
        self._steps = _Steps()
        self._line = MovingLine()
        self._live = Live(
            self._line, console=console, transient=True, refresh_per_second=REDRAWS_PER_SECOND
        )

    def show(self, view: JobView) -> None:
        """Move the bar; print a line for each new step."""
        for entry in self._steps.fresh(view):
            self._console.print(step_line(entry, view), soft_wrap=True)
        self._line.show(view)

    def say(self, words: str) -> None:
        """Show it in the line that moves: it is gone when the job is heard of again."""
        self._line.remark(words)

    def __enter__(self) -> Self:
        """Take the last line of the screen."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._live.stop()


def step_line(entry: Mapping[str, Any], view: JobView) -> Text:
    """Return one step as a line: when, what, and why where the view still tells."""
    line = Text.assemble((plain(str(entry["at"])), "dim"), "  ", state(entry["state"]))
    if entry["step"] != view.step:
        return line
    if entry["state"] == "running" and view.attempt > 1:
        line.append(f", attempt {view.attempt}")
    if entry["state"] == "retrying" and view.error:
        why = str(view.error.get("message") or view.error.get("code") or "")
        line.append(f"  {plain(why).splitlines()[0] if why else ''}", style="dim")
    return line
