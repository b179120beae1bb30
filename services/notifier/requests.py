"""What clients have asked for and still wait for: answered once all of it is there or refused.

Sans-I/O; a job is named by its id, the feed by FEED; times in seconds, monotonic.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from services.notifier import messages
from services.notifier.effects import FEED, Effect, say
from services.notifier.messages import RequestId

_NEVER: Final = float("inf")


class Request(msgspec.Struct):
    """A hello (`id` None) or a subscribe; `open`: of how much of it nobody knows yet."""

    id: RequestId | None
    open: int
    refused: bool = False


class _Wait(msgspec.Struct):
    requests: list[Request]
    deadline: float


class Requests:
    """Of one client."""

    __slots__ = ("_waits", "deadline")

    def __init__(self) -> None:
        """Nothing is waited for."""
        self.deadline = _NEVER  # of the request that waits longest, or earlier
        self._waits: dict[str, _Wait] = {}

    def wait(self, name: str, request: Request, deadline: float) -> None:
        """A request waits for this one, too; nobody longer than until `deadline`."""
        waits = self._waits.get(name)
        earlier = waits.requests if waits else ()
        self._waits[name] = _Wait([*earlier, request], deadline)
        self.deadline = min(self.deadline, deadline)

    def put_off(self, name: str, deadline: float) -> None:
        """Give whoever waits for it more time."""
        if (waits := self._waits.get(name)) is not None:
            waits.deadline = deadline

    def wait_for(self, name: str) -> bool:
        """Whether any request waits for it."""
        return name in self._waits

    def answered(self, name: str) -> Sequence[Effect]:
        """It is there, or given up by the client."""
        waits = self._waits.pop(name, None)
        effects: list[Effect] = []
        for request in waits.requests if waits else ():
            effects.extend(_settle(request))
        return effects

    def refused(self, name: str, code: str, detail: str) -> Sequence[Effect]:
        """It will not come."""
        waits = self._waits.pop(name, None)
        effects: list[Effect] = []
        for request in waits.requests if waits else ():
            effects.extend(self.refuse(name, code, detail, request))
        return effects

    def refuse(self, name: str, code: str, detail: str, request: Request) -> Sequence[Effect]:
        """Refuse one thing to one request."""
        request.refused = True
        about = messages.error(code, detail, request.id, job=name or None, feed=name == FEED)
        return [say(about), *_settle(request)]

    def late(self, now: float) -> Sequence[str]:
        """Return what is waited for longer than it may; then refuse it."""
        late = [name for name, it in self._waits.items() if now >= it.deadline]
        rest = (it.deadline for it in self._waits.values() if now < it.deadline)
        self.deadline = min(rest, default=_NEVER)
        return late


def _settle(request: Request) -> Iterable[Effect]:
    request.open -= 1
    if request.open == 0 and not request.refused and request.id is not None:
        yield say(messages.ok(request.id))
