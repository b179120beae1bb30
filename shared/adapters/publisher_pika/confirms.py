"""Who waits for which confirm of one channel. Bookkeeping only: it never touches a connection."""

import asyncio

from shared.contracts.errors import BrokerUnavailable, Unroutable, WaymarkError

Waiter = asyncio.Future[WaymarkError | None]
"""Gets None for a confirm, else the error to raise. A cancelled one keeps its place here: the
broker's number for it still comes."""


class Confirms:
    """The messages of one channel that the broker has not answered for yet, oldest first.

    The broker counts the messages of a channel from 1; that number is also the correlation id by
    which a returned message is found, so two messages of the same job are never mixed up.
    """

    def __init__(self) -> None:
        """Start at the channel's first message."""
        self._last = 0
        self._waiting: dict[int, Waiter] = {}

    def __len__(self) -> int:
        """How many messages are unanswered."""
        return len(self._waiting)

    @property
    def next_correlation_id(self) -> str:
        """What the message that is sent next must bear."""
        return str(self._last + 1)

    def sent(self, waiter: Waiter) -> None:
        """Note that one more message has been sent and who waits for its confirm."""
        self._last += 1
        self._waiting[self._last] = waiter

    def returned(self, correlation_id: str, routing_key: str) -> None:
        """Tell who sent it that no queue takes it; its confirm follows and changes nothing."""
        waiter = self._waiting.get(int(correlation_id))
        if waiter is not None:
            _tell(waiter, Unroutable(queue=routing_key))

    def acked(self, number: int, *, multiple: bool) -> int:
        """Tell the waiters that the broker has it; return how many messages that answers."""
        return self._answer(number, multiple=multiple, fault=None)

    def nacked(self, number: int, *, multiple: bool) -> int:
        """Tell the waiters that the broker refuses; return how many messages that answers."""
        return self._answer(
            number, multiple=multiple, fault=BrokerUnavailable("The broker refused the message.")
        )

    def lost(self, why: str) -> int:
        """Tell all waiters that nobody will ever know; return how many messages that answers."""
        return self._answer(
            self._last, multiple=True, fault=BrokerUnavailable(f"Unknown outcome: {why}")
        )

    def _answer(self, number: int, *, multiple: bool, fault: WaymarkError | None) -> int:
        numbers = self._up_to(number) if multiple else [number]
        waiters = [self._waiting.pop(n) for n in numbers if n in self._waiting]
        for waiter in waiters:
            _tell(waiter, fault)
        return len(waiters)

    def _up_to(self, number: int) -> list[int]:
        reached = []
        for waiting in self._waiting:  # in the order they were sent
            if waiting > number:
                break
            reached.append(waiting)
        return reached


def _tell(waiter: Waiter, fault: WaymarkError | None) -> None:
    if not waiter.done():
        waiter.set_result(fault)
