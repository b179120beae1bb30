"""Spells of trouble in the log: one line when one begins and one when it is over.

What is met between them, once a second or once a job, is the same trouble: it is told at DEBUG.
"""

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Spell:
    """One kind of trouble; any thread may meet it or see it over."""

    def __init__(
        self,
        begins: str,
        ends: str,
        *,
        calm_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the events of its two lines, such as `leases_not_renewed`, `leases_renewed_again`.

        Call `over` on the ordinary way too: outside of a spell it does nothing, and within
        `calm_seconds` of the last trouble neither.
        """
        self._begins = begins
        self._ends = ends
        self._calm_seconds = calm_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: float | None = None
        self._last = 0.0
        self._times = 0

    def met(self, **facts: object) -> None:
        """Say that the trouble is there; `facts` are told with it."""
        with self._lock:
            first = self._since is None
            self._last = self._monotonic()
            if first:
                self._since = self._last
            self._times += 1
        (log.warning if first else log.debug)(self._begins, **facts)

    def over(self, **facts: object) -> None:
        """Say that it is not there any more."""
        if self._since is None or self._monotonic() - self._last < self._calm_seconds:
            return
        with self._lock:
            since, times = self._since, self._times
            self._since, self._times = None, 0
        if since is not None:
            seconds = round(self._monotonic() - since, 1)
            log.info(self._ends, after_seconds=seconds, times=times, **facts)


class Histories:
    """Notices when a tenant's store begins another history: wiped, put back, or failed over.

    Bounded: with more tenants than that it forgets them all and learns them again.
    """

    MOST_TENANTS = 10_000

    def __init__(self) -> None:
        """Know none yet."""
        self._epochs: dict[str, str] = {}

    def note(self, tenant: str, epoch: str) -> None:
        """Take the epoch of a record that was just read or written, and tell of a new one."""
        known = self._epochs.get(tenant)
        if known == epoch:
            return
        if len(self._epochs) >= self.MOST_TENANTS:
            self._epochs.clear()
        self._epochs[tenant] = epoch
        if known is not None:
            log.warning(
                "store_history_changed",
                tenant=tenant,
                before=known,
                now=epoch,
                meaning="Redis was started anew, wiped, put back or failed over: what it has "
                "forgotten is rebuilt from the messages",
            )
