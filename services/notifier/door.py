"""Who is let in: before a WebSocket is opened, and before server-sent events begin. Pure."""

import http
from collections.abc import Sequence
from typing import Final

import msgspec

from services.notifier.addresses import Proxies, countable
from services.notifier.bucket import Bucket
from services.notifier.crowd import Crowd, Limits, Seat

_SOON: Final = 1  # s; another server answers, or this one in a moment
_LATER: Final = 60  # s; somebody has to close some of his


class Refusal(msgspec.Struct, frozen=True):
    """Why somebody is not let in; `retry_after` in seconds."""

    status: http.HTTPStatus
    code: str
    detail: str
    retry_after: int


GOING_AWAY: Final = Refusal(
    http.HTTPStatus.SERVICE_UNAVAILABLE,
    "draining",
    "This server goes away: connect again to reach another.",
    _SOON,
)
TOO_FAST: Final = Refusal(
    http.HTTPStatus.SERVICE_UNAVAILABLE,
    "overloaded",
    "Too many connect at this moment: try again, after a random wait.",
    _SOON,
)
OVERLOADED: Final = Refusal(
    http.HTTPStatus.SERVICE_UNAVAILABLE,
    "overloaded",
    "This server cannot keep up: connect again to reach another.",
    _SOON,
)
TOO_MANY_OF_ADDRESS: Final = Refusal(
    http.HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-connections",
    "Too many connections come from this address: close some of them.",
    _LATER,
)


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Who may come in."""

    limits: Limits = Limits()
    per_second: float = 2000.0  # newcomers; a handshake costs a third of a millisecond
    burst: float = 6000.0  # of them at once
    proxies: Proxies = Proxies(())


class Door:
    """Asked for each newcomer; `closed` while nobody is let in at all."""

    def __init__(self, threshold: Threshold, *, now: float) -> None:
        """Nobody has come yet; `now` in seconds, monotonic."""
        self.closed = False
        self.overloaded = False  # the process is late as it is
        self.crowd = Crowd(threshold.limits)
        self._proxies = threshold.proxies
        self._newcomers = Bucket(rate=threshold.per_second, burst=threshold.burst, now=now)

    def newcomer(self, peer: tuple[str, int] | None, now: float) -> "Newcomer":
        """Return one who comes from this address of a socket; a Unix socket has none."""
        return Newcomer(self, peer[0] if peer else "", now)

    def address_of(self, peer: str, forwarded: Sequence[str]) -> str:
        """Return whom one from `peer` is counted with; `forwarded`: its X-Forwarded-For."""
        return countable(peer, forwarded, self._proxies)

    def knock(self, address: str, now: float) -> Refusal | None:
        """Return why one from this address (`address_of`) may not come in."""
        if self.closed:
            return GOING_AWAY
        if self.overloaded:
            return OVERLOADED
        if self.crowd.is_crowded(address):
            return TOO_MANY_OF_ADDRESS
        return None if self._newcomers.take(now) else TOO_FAST


class Newcomer:
    """One who is at the door: he knocks, and enters if nobody says why not."""

    def __init__(self, door: Door, peer: str, now: float) -> None:
        """See `Door.newcomer`."""
        self.is_too_many = door.crowd.is_full  # told after the handshake: browsers hear it then
        self._door, self._peer, self._now = door, peer, now
        self._address = ""

    def knock(self, forwarded: Sequence[str] = ()) -> Refusal | None:
        """Return why he may not come in; `forwarded`: the X-Forwarded-For headers, in order."""
        self._address = self._door.address_of(self._peer, forwarded)
        return self._door.knock(self._address, self._now)

    def enter(self) -> Seat:
        """Count him in; whoever holds the seat leaves it."""
        return self._door.crowd.enter(self._address)
