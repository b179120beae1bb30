"""One event loop in a thread of its own, for all that the slot threads do not wait for."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Final, TypeVar

from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable
from shared.ports import CommandPublisher
from shared.runtime.metrics.publishing import Publishing

T = TypeVar("T")

STOP_SECONDS: Final = 5.0
CONFIRM_SECONDS: Final = 10.0  # the publisher's own deadline is shorter: this is the net below it


class HouseLoop:
    """Runs from `start` to `stop`; coroutines are handed to it from other threads."""

    def __init__(self) -> None:
        """Make the loop; its thread does not run yet."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name="house loop", daemon=True)

    def start(self) -> None:
        """Let it run."""
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T], *, within: float) -> T:
        """Run `coroutine` there and return its result; for other threads.

        Raises:
            TimeoutError: not done `within` seconds; it was cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(within)
        except FutureTimeout:
            future.cancel()
            raise

    def stop(self) -> None:
        """End it; whatever still runs there is cancelled."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=STOP_SECONDS))


class LoopPublisher:
    """The publisher of the house loop, for threads."""

    def __init__(
        self, publisher: CommandPublisher, loop: HouseLoop, publishing: Publishing
    ) -> None:
        """Describe it; `publishing` hears how long each took."""
        self._publisher = publisher
        self._loop = loop
        self._publishing = publishing

    def publish(self, message: RunJob) -> None:
        """Send to the work queue of its job; raises as the port says."""
        self._wait(self._publisher.publish(message))

    def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        """Send up the delay ladder; raises as the port says."""
        self._wait(self._publisher.publish_later(message, delay_ms=delay_ms))

    def _wait(self, sending: Coroutine[Any, Any, None]) -> None:
        started, failed = time.monotonic(), True
        try:
            self._loop.call(sending, within=CONFIRM_SECONDS)
            failed = False
        except FutureTimeout as fault:
            raise BrokerUnavailable("The publisher did not answer.") from fault
        finally:
            self._publishing.took(time.monotonic() - started, failed=failed)
