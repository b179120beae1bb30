"""Hears which queues are paused, and lets those rest."""

from typing import Final

import structlog

from services.worker.intake.gate import Intake
from shared.contracts.errors import StoreUnavailable
from shared.contracts.queues import NOTHING_PAUSED
from shared.ports import PauseBoard
from shared.runtime.pacing import pause

LOOK_SECONDS: Final = 0.5  # a pause is obeyed within it, and the quarter of a second of a consumer

log = structlog.get_logger()


class PauseWatch:
    """What a store that does not answer had paused stays paused."""

    def __init__(self, board: PauseBoard, intake: Intake) -> None:
        """Describe it; runs on the house loop."""
        self._board = board
        self._intake = intake
        self._known = NOTHING_PAUSED

    async def follow(self) -> None:
        """Look twice a second, for ever."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as fault:
                log.debug("pauses_not_read", why=str(fault))  # the claims notice, and close all
            await pause(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        told = await self._board.read()
        before, after = self._known.queues, told.queues
        self._known = told
        self._intake.pause(after.keys())
        for queue in sorted(after.keys() - before.keys()):
            log.warning("queue_paused", queue=queue, by=after[queue].by)
        for queue in sorted(before.keys() - after.keys()):
            log.warning("queue_resumed", queue=queue)
