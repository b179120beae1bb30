"""What the archivist needs of a dead-letter queue; `dead_letter_queue.py` keeps it."""

from collections.abc import AsyncGenerator
from typing import Protocol


class DeadLetterDelivery(Protocol):
    """One message from the dead-letter queue, not yet settled."""

    @property
    def body(self) -> bytes:
        """The message as it was published."""

    @property
    def broker_reason(self) -> str | None:
        """Why it was dead-lettered last: "rejected", "delivery_limit", "expired"."""

    def ack(self) -> None:
        """Done with it. Without effect once its connection is gone: it will come again."""


class Deliveries(Protocol):
    """A queue read without Dramatiq."""

    def arriving(self) -> AsyncGenerator[DeadLetterDelivery, None]:
        """Yield what arrives, for ever; reconnects by itself. What was not acked comes again.

        It never holds more than a bounded number of unacked messages.
        """
