"""The one line that moves: what the job does now, how far it is, and how long it will take."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from clients.cli.exits import plain
from clients.cli.follow import JobView
from clients.cli.render import STYLES, short_count

BAR_WIDTH: Final = 36
LEAST_BAR: Final = 10
BESIDE_BAR: Final = 62  # columns for the rest of the line, so that it fits into 100
SURE_AFTER_SECONDS: Final = 1.0  # a pace measured for less is a guess
_MINUTE: Final = 60
_HOUR: Final = 3600
_WAITS_FOR: Final = {
    "queued": "waits for a worker",
    "scheduled": "waits for its time",
    "retrying": "waits for its next attempt",
}


class Pace:
    """How fast an attempt goes, measured from the first progress that was seen of it."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] = (0.0, 0.0)

    def saw(self, current: float, at: float) -> None:
        """Take a progress at monotonic second `at`; a smaller one than before begins anew."""
        if self._first is None or current < self._last[0]:
            self._first = (current, at)
        self._last = (current, at)

    def seconds_left(self, total: float, at: float) -> float | None:
        """Return how long the rest takes from second `at` on; None when nobody can tell."""
        if self._first is None:
            return None
        made, took = self._last[0] - self._first[0], self._last[1] - self._first[1]
        if made <= 0 or took < SURE_AFTER_SECONDS:
            return None
        left = (total - self._last[0]) * took / made
        return max(0.0, left - (at - self._last[1]))


class MovingLine:
    """A renderable that is drawn anew several times a second."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin with a job nothing is known of."""
        self._monotonic = monotonic
        self._now = now
        self._state = "…"
        self._attempt = 0
        self._step = 0
        self._progress: Mapping[str, Any] = {}
        self._since = monotonic()
        self._pace = Pace()
        self._remark = ""
        self._spinner: Spinner | None = None

    def show(self, view: JobView) -> None:
        """Show this from now on."""
        if view.step != self._step:
            self._step = view.step
            self._since = self._monotonic() - self._age(view)
            self._pace = Pace()
        self._state, self._attempt, self._remark = view.state, view.attempt, ""
        self._progress = (view.progress or {}) if view.state == "running" else {}
        if isinstance(self._progress.get("current"), int | float):
            self._pace.saw(self._progress["current"], self._monotonic())

    def remark(self, words: str) -> None:
        """Show a remark instead of what the job says, until it is heard of again."""
        self._remark = words

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it, never wider than the terminal."""
        line = Table.grid(padding=(0, 1))
        for _ in range(3):
            line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, justify="right")
        line.add_column()  # the only one that gives way; its text is cut, not wrapped
        line.add_column(no_wrap=True, style="dim")
        line.add_row(
            self._spin(console),
            Text(plain(self._what()), style=STYLES.get(self._state, "")),
            self._bar(options.max_width),
            self._percent(),
            self._words(),
            self._times(),
        )
        yield line

    def _age(self, view: JobView) -> float:
        """Return for how many seconds the job has been in its state; a wrong clock means 0."""
        try:
            at = datetime.fromisoformat(str(view.history[-1]["at"]))
            return max(0.0, (self._now() - at).total_seconds())
        except (IndexError, KeyError, TypeError, ValueError):
            return 0.0

    def _spin(self, console: Console) -> Spinner:
        if self._spinner is None:
            self._spinner = Spinner("line" if console.options.ascii_only else "dots", style="cyan")
        return self._spinner

    def _what(self) -> str:
        again = self._state == "running" and self._attempt > 1
        return f"{self._state}, attempt {self._attempt}" if again else self._state

    def _bar(self, width: int) -> ProgressBar | Text:
        if self._state != "running":
            return Text()
        total = self._progress.get("total")
        return ProgressBar(
            total=total or None,
            completed=self._progress.get("current") or 0,
            pulse=not total,
            width=max(LEAST_BAR, min(BAR_WIDTH, width - BESIDE_BAR)),
            complete_style="cyan",
            finished_style="green",
            pulse_style="cyan",
        )

    def _percent(self) -> Text:
        percent = self._progress.get("percent")
        return Text("" if percent is None else f"{percent:.0f}%")

    def _words(self) -> Text:
        if self._remark:
            return Text(plain(self._remark), style="yellow", no_wrap=True, overflow="ellipsis")
        if self._state != "running":
            return Text(_WAITS_FOR.get(self._state, ""), style="dim")
        current, total = self._progress.get("current"), self._progress.get("total")
        count = "" if current is None else short_count(current)
        if count and total:
            count = f"{count}/{short_count(total)}"
        message = plain(str(self._progress.get("message") or "")).replace("\n", " ")
        words = Text.assemble((count, "dim"), " " if count and message else "", message)
        words.no_wrap, words.overflow = True, "ellipsis"
        return words

    def _times(self) -> Text:
        now = self._monotonic()
        words = clock(now - self._since)
        total = self._progress.get("total")
        left = self._pace.seconds_left(total, now) if total else None
        return Text(words if left is None else f"{words}, {clock(left)} left")


def clock(seconds: float) -> str:
    """Return a duration as `0:07`, `12:34` or `1:02:03`."""
    whole = max(0, int(seconds))
    minutes = f"{whole % _HOUR // _MINUTE}"
    if whole < _HOUR:
        return f"{minutes}:{whole % _MINUTE:02}"
    return f"{whole // _HOUR}:{minutes:>02}:{whole % _MINUTE:02}"
