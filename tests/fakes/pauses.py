"""Which queues are paused, in memory."""

from shared.contracts.errors import StoreUnavailable
from shared.contracts.queues import NOTHING_PAUSED, Pause, Pauses


class FakePauses:
    """Keeps `ports.PauseBoard` in memory; `now` (ms) is the clock of `at`."""

    def __init__(self, *paused: str) -> None:
        self.now = 1_790_000_000_000
        self.away = False
        self._told = NOTHING_PAUSED
        for queue in paused:
            self._pause(queue, by="key:sre", reason="a test")

    async def read(self) -> Pauses:
        self._answer()
        return self._told

    async def pause(self, queue: str, *, by: str, reason: str) -> bool:
        self._answer()
        return self._pause(queue, by=by, reason=reason)

    async def resume(self, queue: str) -> bool:
        self._answer()
        left = {name: pause for name, pause in self._told.queues.items() if name != queue}
        changed = len(left) < len(self._told.queues)
        self._told = Pauses(version=self._told.version + changed, queues=left)
        return changed

    def _pause(self, queue: str, *, by: str, reason: str) -> bool:
        if queue in self._told.queues:
            return False
        pause = Pause(by=by, reason=reason, at=self.now)
        queues = {**self._told.queues, queue: pause}
        self._told = Pauses(version=self._told.version + 1, queues=queues)
        return True

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable
