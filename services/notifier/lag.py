"""How late this process's event loop is, and what is done about it. Pure: lateness comes in.

A loop that is late makes every client's events late. First it gets less to do for each job, then
no more connections.
"""

from typing import Final

TICK_SECONDS: Final = 0.1  # how often the loop is asked
LATE_SECONDS: Final = 0.1  # from here on progress is thinned to one a second
LATE_NO_MORE_SECONDS: Final = 0.05
OVERLOADED_SECONDS: Final = 0.5  # from here on nobody is let in
OVERLOADED_NO_MORE_SECONDS: Final = 0.25
OVERLOADED_TICKS: Final = 3  # in a row: a burst that is over soon is no reason
_FADES_BY: Final = 0.9  # a tick: what was 500 ms is 100 ms after a second and a half


class Lag:
    """The worst lateness of the last moments, and what it means."""

    __slots__ = ("_bad_ticks", "is_late", "is_overloaded", "seconds")

    def __init__(self) -> None:
        """In time."""
        self.seconds = 0.0
        self.is_late = False
        self.is_overloaded = False
        self._bad_ticks = 0

    def note(self, late_by: float) -> None:
        """Take in how late a tick came; in seconds."""
        self.seconds = max(late_by, self.seconds * _FADES_BY, 0.0)
        self.is_late = self.seconds > (LATE_NO_MORE_SECONDS if self.is_late else LATE_SECONDS)
        self._bad_ticks = self._bad_ticks + 1 if late_by > OVERLOADED_SECONDS else 0
        if self._bad_ticks >= OVERLOADED_TICKS:
            self.is_overloaded = True
        elif self.seconds < OVERLOADED_NO_MORE_SECONDS:
            self.is_overloaded = False
