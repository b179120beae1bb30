"""Whether Redis keeps what it has accepted: its eviction policy and its append-only file.

Asked in the background, so that /ready need not wait. A store that evicts is unfit; one without
an append-only file is only pointed out: a managed Redis may be made durable in other ways.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.runtime.pacing import pause

FIT: Final = "noeviction"
PERIOD_SECONDS: Final = 2.0
AWAY_SECONDS: Final = 1.0  # while it does not answer: look soon after it is back
NOT_DURABLE: Final = (
    "accepted jobs survive only as long as Redis does: CONFIG SET appendonly yes,"
    " and in its configuration file"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keeping:
    """What Redis says of itself; None where it tells nobody."""

    policy: str | None
    appends: bool | None


async def look(ask: Callable[..., Awaitable[Any]]) -> Keeping:
    """Find out, in what every user may ask first; `ask` gives None to what Redis forbids."""
    memory = _fields(await ask("INFO", "memory"))
    persistence = _fields(await ask("INFO", "persistence"))
    policy = memory.get("maxmemory_policy")
    if policy is None:
        pair = await ask("CONFIG", "GET", "maxmemory-policy")
        policy = pair[1].decode() if pair else None
    appends = persistence.get("aof_enabled")
    return Keeping(policy, None if appends is None else appends != "0")


class StoreKeeping:
    """What was found last. While Redis is away, that stands."""

    def __init__(self, look_now: Callable[[], Awaitable[Keeping]]) -> None:
        """Keep how to look; it raises StoreUnavailable and has a deadline of its own."""
        self._look_now = look_now
        self._known: Keeping | None = None
        self._told_of_file = False

    @property
    def evicting(self) -> str | None:
        """What is wrong with the policy and what to do about it; None when it is not known to."""
        policy = self._known.policy if self._known else None
        if policy in {None, FIT}:
            return None
        return (
            f"Redis may evict what it has accepted, maxmemory-policy is {policy}:"
            f" CONFIG SET maxmemory-policy {FIT}, and in its configuration file"
        )

    @property
    def complaint(self) -> str | None:
        """Why nobody should be ready; None when the store is fit."""
        if self._known is None:
            return "Redis has not been asked yet whether it evicts"
        return self.evicting

    async def follow(self) -> None:
        """Look when it connects and every 2 s, for ever."""
        while True:
            try:
                await self.look_again()
            except StoreUnavailable:
                await pause(AWAY_SECONDS)
            else:
                await pause(PERIOD_SECONDS)

    async def look_again(self) -> None:
        """Look now; log what is new, and after an outage again that there is no file.

        Raises:
            StoreUnavailable: it does not answer.
        """
        try:
            found = await self._look_now()
        except StoreUnavailable:
            self._told_of_file = False
            raise
        before, self._known = self._known, found
        if before is None or before.policy != found.policy:
            self._tell_policy(found.policy, first=before is None)
        if found.appends is False and not self._told_of_file:
            log.warning("store_not_durable", why=NOT_DURABLE)
        self._told_of_file = found.appends is False

    def _tell_policy(self, policy: str | None, *, first: bool) -> None:
        if policy is None:
            log.warning("store_policy_unknown", why="Redis forbids INFO and CONFIG GET")
        elif policy != FIT:
            log.error("store_evicts", policy=policy, why=self.evicting)
        elif not first:
            log.info("store_keeps_everything", policy=policy)


def _fields(info: bytes | None) -> dict[str, str]:
    lines = (info or b"").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
