"""What the stores do when Redis does not answer as it should: the rules both of them share."""

import time
from typing import Any, Final, TypedDict

from redis import exceptions

from shared.contracts.errors import StoreUnavailable

FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 0.25
_TRIES_WITHIN_DEADLINE: Final = 4  # a lost answer must leave time to ask again

# Worth asking again at once: nothing, or something idempotent, has happened.
TRANSIENT: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)
_REFUSALS: Final = {
    "READONLY": "Redis is a replica and takes no writes.",
    "LOADING": "Redis is loading its data.",
    "MASTERDOWN": "Redis has lost its primary.",
    "CLUSTERDOWN": "The Redis cluster is down.",
    "OOM": "Redis has no memory left.",
    "MISCONF": "Redis cannot write to its disk.",
    "NOREPLICAS": "Redis has too few replicas to take writes.",
}


class Options(TypedDict):
    """What both clients are told."""

    protocol: int
    socket_timeout: float
    socket_connect_timeout: float
    socket_keepalive: bool
    max_connections: int
    timeout: float
    driver_info: None


def options(deadline: float, *, connections: int) -> Options:
    """Return a pool's options, such that an operation can be asked again before `deadline` (s)."""
    return {
        "protocol": 2,  # no push frames between the answers
        "socket_timeout": try_takes(deadline),
        "socket_connect_timeout": try_takes(deadline),
        "socket_keepalive": True,
        "max_connections": connections,
        "timeout": deadline / 2,  # for a free connection
        "driver_info": None,  # no CLIENT SETINFO on each connect
    }


def try_takes(deadline: float) -> float:
    """Return for how long (s) one try may last, so that there is time for another."""
    return deadline / _TRIES_WITHIN_DEADLINE


class Patience:
    """How long one operation may still be asked for."""

    def __init__(self, deadline: float) -> None:
        """Begin to count `deadline` seconds."""
        self._ends = time.monotonic() + deadline
        self._try_takes = try_takes(deadline)
        self.tries = 0

    @property
    def left(self) -> float:
        """Seconds left; never below a millisecond."""
        return max(self._ends - time.monotonic(), 0.001)

    def bear(self, fault: BaseException) -> None:
        """Note a transient `fault`.

        Raises:
            StoreUnavailable: another try would not fit into the time that is left.
        """
        self.tries += 1
        if self.left <= self._try_takes:
            raise unavailable(fault) from fault


def unavailable(fault: BaseException) -> StoreUnavailable:
    """Say in words what is wrong with Redis."""
    said = str(fault)
    known = next((words for sign, words in _REFUSALS.items() if sign in said), None)
    if known is None and isinstance(fault, exceptions.BusyLoadingError):
        known = _REFUSALS["LOADING"]
    if known is None and isinstance(fault, exceptions.OutOfMemoryError):
        known = _REFUSALS["OOM"]
    if known is None and isinstance(fault, exceptions.ReadOnlyError):
        known = _REFUSALS["READONLY"]
    if known is None:
        known = f"Redis does not answer: {said or type(fault).__name__}."
    return StoreUnavailable(known)


def is_script_missing(reply: Any) -> bool:  # noqa: ANN401 - whatever Redis replied
    """Whether the server has forgotten the scripts (a restart, a flush, another node)."""
    return isinstance(reply, exceptions.NoScriptError)
