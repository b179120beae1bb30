"""Who waits for which confirm of one channel. Bookkeeping only: it never touches a connection."""

import asyncio
from collections.abc import Sequence

from shared.contracts.errors import BrokerUnavailable, Unroutable, WaymarkError


class Batch:
    """What becomes of messages that were handed over together; they are known by their place.

    A caller who gives up leaves it here: the broker's numbers for its messages still come.
    """

    def __init__(self, size: int) -> None:
        """Nothing is known of any of them."""
        self._fates: dict[int, WaymarkError | None] = {}
        self._size = size
        self._known: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def known(self) -> None:
        """Return when the fate of each is known; the caller sets the deadline."""
        if len(self._fates) < self._size:
            await self._known

    def tell(self, place: int, fault: WaymarkError | None) -> None:
        """Note the fate of one: None for confirmed. The first one stands."""
        self._fates.setdefault(place, fault)
        if len(self._fates) == self._size and not self._known.done():
            self._known.set_result(None)

    def fates(self, unknown: WaymarkError) -> Sequence[WaymarkError | None]:
        """Return the fate of each, in order; `unknown` for those nobody has heard of."""
        return [self._fates.get(place, unknown) for place in range(self._size)]


class Confirms:
    """The messages of one channel that the broker has not answered for yet, oldest first.

    The broker counts the messages of a channel from 1; that number is also the correlation id by
    which a returned message is found, so two messages of the same job are never mixed up.
    """

    def __init__(self) -> None:
        """Start at the channel's first message."""
        self._last = 0
        self._waiting: dict[int, tuple[Batch, int]] = {}

    def __len__(self) -> int:
        """How many messages are unanswered."""
        return len(self._waiting)

    @property
    def next_number(self) -> int:
        """The number of the message that is sent next."""
        return self._last + 1

    def sent(self, batch: Batch, place: int) -> None:
        """Note that one more message has been sent, and which it is."""
        self._last += 1
        self._waiting[self._last] = (batch, place)

    def returned(self, correlation_id: str, routing_key: str) -> None:
        """Tell who sent it that no queue takes it; its confirm follows and changes nothing."""
        waiting = self._waiting.get(int(correlation_id))
        if waiting is not None:
            batch, place = waiting
            batch.tell(place, Unroutable(queue=routing_key))

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
        answered = [self._waiting.pop(n) for n in numbers if n in self._waiting]
        for batch, place in answered:
            batch.tell(place, fault)
        return len(answered)

    def _up_to(self, number: int) -> list[int]:
        reached = []
        for waiting in self._waiting:  # in the order they were sent
            if waiting > number:
                break
            reached.append(waiting)
        return reached
