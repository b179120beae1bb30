"""Wait for a fact, never longer than a deadline. The only place in this package that sleeps."""

import time
from collections.abc import Callable

from deploy.local.errors import NotReadyError

POLL_SECONDS = 0.05  # short beside every boot (Redis 0.1 s, RabbitMQ 5 s), long beside one check


def wait_until(fact: Callable[[], bool], *, within: float, otherwise: str) -> None:
    """Return as soon as `fact` holds.

    Args:
        fact: asked about 20 times a second; an exception of its own passes through.
        within: the deadline in seconds.
        otherwise: what to say when the deadline passes.

    Raises:
        NotReadyError: the deadline passed first.
    """
    if not holds(fact, within=within):
        message = f"{otherwise} (waited {within:g} s)"
        raise NotReadyError(message)


def holds(fact: Callable[[], bool], *, within: float) -> bool:
    """Tell whether `fact` came true within so many seconds."""
    deadline = time.monotonic() + within
    while not fact():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
