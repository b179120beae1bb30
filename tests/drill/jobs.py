"""Job types that go wrong to order: `WAYMARK_JOBS=tests.drill.jobs`."""

import os
import signal
from pathlib import Path

from services.worker import job

BROKEN = "WAYMARK_DRILL_BROKEN"  # names a file: while it exists, `drill.fickle` fails
BULK = 100_000  # characters


class NeighbourDownError(Exception):
    """What the handler calls does not answer."""


@job("drill.fine")
def fine() -> None:
    """Do what it should."""


@job("drill.fickle", retries=3, min_backoff="1s", max_backoff="5s")
def fickle() -> None:
    """Fail as long as its neighbour is down."""
    if Path(os.environ[BROKEN]).exists():
        raise NeighbourDownError


@job("drill.poison", retries=5, min_backoff="0.2s", max_backoff="1s")
def poison() -> None:
    """Kill the process it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)


@job("drill.spare", queue="drill-spare")
def spare() -> None:
    """Do what it should, in a queue of its own."""


@job("drill.bulky")
def bulky() -> str:
    """Return more than a slow reader reads."""
    return "x" * BULK
