"""Looks at the whole house every few seconds and tells what it sees, in one process of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

import structlog

from services.gateway.housekeeping.duty import Duty
from services.gateway.metrics import Metrics
from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

PERIOD_SECONDS: Final = 5.0
STALE_SECONDS: Final = 30.0  # after that nobody takes the last values for those of today

log = structlog.get_logger()


class Looking(ABC):
    """Looks while the duty is held; who loses it, or cannot see for long, tells nothing."""

    def __init__(
        self, name: str, *, duty: Duty, metrics: Metrics, monotonic: Callable[[], float]
    ) -> None:
        """`name` is what its rounds are counted under."""
        self._name = name
        self._duty = duty
        self._metrics = metrics
        self._monotonic = monotonic
        self._told_at = monotonic()

    @abstractmethod
    async def look(self) -> None:
        """Look once, and tell.

        Raises:
            StoreUnavailable: it does not answer.
        """

    @abstractmethod
    def forget(self) -> None:
        """Tell nothing any more."""

    async def watch(self) -> None:
        """Look every 5 s, for ever."""
        while True:
            await self.turn()
            await pause(PERIOD_SECONDS)

    async def turn(self) -> None:
        """Look, or stand by."""
        if not self._duty.held:
            self.forget()
            return
        with self._metrics.duty_round(self._name):
            await self._round()

    async def _round(self) -> None:
        try:
            await self.look()
        except StoreUnavailable:
            self._forget_what_is_old()
            self._metrics.duty_failed(self._name)
            log.warning("duty_waits_for_store", duty=self._name)
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._forget_what_is_old()
            self._metrics.duty_failed(self._name)
            log.exception("duty_failed", duty=self._name)
        else:
            self._told_at = self._monotonic()
            self._metrics.duty_done(self._name)

    def _forget_what_is_old(self) -> None:
        # Not at once: an alert would begin to count anew after a round that failed.
        if self._monotonic() - self._told_at > STALE_SECONDS:
            self.forget()
