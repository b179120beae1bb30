"""One meaning, one colour, on every board."""

from collections.abc import Iterable, Mapping
from typing import Final

GOOD: Final = "green"
BAD: Final = "red"
WARNING: Final = "orange"
NOTICE: Final = "yellow"
CALM: Final = "blue"
ODD: Final = "purple"
QUIET: Final = "text"

# Of series that are named by a label, by the label; then by its word.
_BY_LABEL: Final[Mapping[str, Mapping[str, str]]] = {
    "{{outcome}}": {
        # of jobs and attempts
        "succeeded": GOOD,
        "failed": BAD,
        "cancelled": CALM,
        "expired": NOTICE,
        "crashed": ODD,
        "timed_out": WARNING,
        "worker_lost": "dark-purple",
        "interrupted": "light-blue",
        # of submits
        "accepted": GOOD,
        "replayed": "light-green",
        "deduplicated": "super-light-green",
        "invalid": NOTICE,
        "conflict": "light-yellow",
        "too_large": "dark-yellow",
        "over_quota": WARNING,
        "unavailable": BAD,
        "withheld": "dark-red",
    },
    "{{state}}": {
        # of jobs
        "scheduled": "super-light-blue",
        "queued": CALM,
        "running": GOOD,
        "retrying": WARNING,
        # of slots
        "busy": GOOD,
        "idle": QUIET,
        "starting": CALM,
        "frozen": ODD,
    },
    "{{reason}}": {
        # of dead letters
        "attempts_exhausted": WARNING,
        "not_retryable": NOTICE,
        "poison": ODD,
        "unknown_type": CALM,
        "undecodable": BAD,
        "delivery_limit": "dark-orange",
        # of retries
        "exception": BAD,
        "asked": CALM,
        "soft_time_limit": NOTICE,
        "time_limit": WARNING,
        "crashed": ODD,
        "memory_limit": "dark-purple",
    },
    "{{level}}": {"warning": NOTICE, "error": WARNING, "critical": BAD},
}
_BY_NAME: Final[Mapping[str, str]] = {
    "p50": "light-blue",
    "p95": CALM,
    "p99": "dark-blue",
    "limit": BAD,
    "dead-lettered": ODD,
}


def colours_of(legends: Iterable[str]) -> dict[str, str]:
    """Return the colour of each series that has one, for the legends of one panel."""
    colours: dict[str, str] = {}
    for legend in legends:
        colours |= _BY_LABEL.get(legend, {})
        if legend in _BY_NAME:
            colours[legend] = _BY_NAME[legend]
    return colours
