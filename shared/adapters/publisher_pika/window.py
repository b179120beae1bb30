"""How many messages may be unanswered at once; who waits for a place is served in turn."""

import asyncio
import contextlib
from collections import deque


class Window:
    """Places; one is free again when the broker has answered, not when a caller has given up.

    So what a frozen broker has not taken yet stays bounded.
    """

    def __init__(self, places: int) -> None:
        """Begin with all places free."""
        self._free = places
        self._waiting: deque[tuple[asyncio.Future[int], int]] = deque()

    @property
    def waiting(self) -> int:
        """How many callers wait for a place."""
        return len(self._waiting)

    async def take(self, wanted: int) -> int:
        """Return how many places are the caller's from now on: from one to `wanted`.

        The caller sets the deadline.
        """
        if self._free and not self._waiting:
            return self._hand_out(wanted)
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asker = (turn, wanted)
        self._waiting.append(asker)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give(turn.result())  # they came too late
            else:  # near the front, for deadlines pass in the order of asking
                with contextlib.suppress(ValueError):
                    self._waiting.remove(asker)
            raise

    def give(self, places: int) -> None:
        """Free some places."""
        self._free += places
        while self._free and self._waiting:
            turn, wanted = self._waiting.popleft()
            if not turn.done():  # else its caller has given up
                turn.set_result(self._hand_out(wanted))

    def _hand_out(self, wanted: int) -> int:
        places = min(wanted, self._free)
        self._free -= places
        return places
