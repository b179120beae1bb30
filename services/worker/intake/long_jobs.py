"""Says which job types outlast the broker's patience with unsettled deliveries; changes nothing.

RabbitMQ takes such a delivery back and closes the channel. The job runs on, its copy meets the
claim's LIVE and goes round: noise, that a setting of the broker ends. AMQP does not tell its value.
"""

import math
import re
import threading
from collections.abc import Iterable
from typing import Final

import structlog

from shared.contracts.catalog import CatalogEntry
from shared.contracts.topology import CONSUMER_TIMEOUT_MS

OBEYS_QUEUES_FROM: Final = (3, 12)  # x-consumer-timeout, which our queues carry
REMEDY: Final = (
    "set consumer_timeout of RabbitMQ above the longest time_limit, and tell it to the worker in "
    "WAYMARK_CONSUMER_TIMEOUT_SECONDS; no job is lost and none runs twice"
)
_MS: Final = 1000

log = structlog.get_logger()


def broker_patience(version: str, *, node_seconds: float) -> float:
    """Return for how many seconds a broker lets a delivery of ours stay unsettled.

    Args:
        version: as the broker says it; one that is not understood counts as an old one.
        node_seconds: its own setting, which counts where it does not obey the queue's.
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    obeys = numbers is not None and (int(numbers[1]), int(numbers[2])) >= OBEYS_QUEUES_FROM
    return CONSUMER_TIMEOUT_MS / _MS if obeys else node_seconds


def outlasting(entries: Iterable[CatalogEntry], seconds: float) -> list[str]:
    """Return the types that may run for more than `seconds`, the longest first."""
    limits = {entry.type: _longest_run(entry) for entry in entries}
    too_long = [name for name, limit in limits.items() if limit > seconds]
    return sorted(too_long, key=lambda name: (-limits[name], name))


def _longest_run(entry: CatalogEntry) -> float:
    if entry.isolation == "thread":
        return entry.limits.soft_time_limit_seconds or 0.0  # small work; no hard limit to judge by
    limit = entry.limits.time_limit_seconds
    return math.inf if limit is None else limit


class LongJobs:
    """Says at the first connection which types are too long, and each time one really was."""

    def __init__(self, entries: Iterable[CatalogEntry], *, node_seconds: float) -> None:
        """Describe it; `node_seconds` is what the operator says of the broker's own setting."""
        self._entries = tuple(entries)
        self._node_seconds = node_seconds
        self._first = threading.Lock()  # taken by the first connection and never given back

    def meet(self, version: str) -> None:
        """Warn, once in this process; from any thread."""
        if not self._first.acquire(blocking=False):
            return
        seconds = broker_patience(version, node_seconds=self._node_seconds)
        too_long = outlasting(self._entries, seconds)
        if too_long:
            log.warning(
                "consumer_timeout_short",
                broker_version=version,
                consumer_timeout_seconds=seconds,
                longest_type=too_long[0],
                types=len(too_long),
                remedy=REMEDY,
            )


def is_timeout(reply: str) -> bool:
    """Whether a broker closed a channel for a delivery that was not settled in time."""
    return "delivery acknowledgement" in reply and "timed out" in reply
