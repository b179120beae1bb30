"""A job on the screen while it runs: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from clients.cli.exits import plain
from clients.cli.follow import JobView, steps_after
from clients.cli.render import progress_words, state

LINE_EVERY_SECONDS: Final = 1.0  # of progress, without a terminal


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
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class _Steps:
    """Tells each step once, also when a snapshot of another epoch starts counting anew."""

    def __init__(self) -> None:
        self._epoch: str | None = None
        self._step = 0

    def fresh(self, view: JobView) -> list[Mapping[str, Any]]:
        if view.epoch is None:
            return []
        if self._epoch not in {None, view.epoch} and view.step <= self._step:
            self._step = view.step - 1
        self._epoch = view.epoch
        entries = steps_after(view.history, self._step)
        self._step = view.step
        return entries


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
    """A line for each step, and under them a bar that moves."""

    def __init__(self, console: Console) -> None:
        """Describe it."""
        self._steps = _Steps()
        self._progress = Progress(
            TextColumn("{task.fields[state]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._bar = self._progress.add_task("", total=None, state="…")

    def show(self, view: JobView) -> None:
        """Move the bar; print a line for each new step."""
        for entry in self._steps.fresh(view):
            line = Text.assemble((plain(str(entry["at"])), "dim"), "  ", state(entry["state"]))
            if entry["state"] == "running":
                line.append(f"  attempt {view.attempt}")
            self._progress.print(line)
        progress = view.progress or {}
        self._progress.update(
            self._bar,
            total=progress.get("total"),
            completed=progress.get("current") or 0,
            description=plain(str(progress.get("message") or "")),
            state=plain(view.state),
        )

    def say(self, words: str) -> None:
        """Print it above the bar."""
        self._progress.print(Text(plain(words), style="yellow"))

    def __enter__(self) -> Self:
        """Take the last line of the screen."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._progress.stop()
