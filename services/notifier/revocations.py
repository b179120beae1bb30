"""Which API keys were revoked: what they have minted ends with them (decision 12).

Every notifier reads the gateways' book of keys for itself, so nothing can be missed but for the
second between two looks.
"""

from collections.abc import Callable, Collection
from typing import Final

import structlog

from shared.contracts.errors import StoreUnavailable
from shared.ports import KeyBook
from shared.runtime.pacing import pause

LOOK_SECONDS: Final = 1.0  # as the gateways do

log = structlog.get_logger()


class Revocations:
    """What this process has ever seen revoked; also where the store has forgotten it since."""

    def __init__(self, book: KeyBook, tell: Callable[[Collection[str]], None]) -> None:
        """`tell` is called with the ids of keys that are revoked by now; it must not block."""
        self._book = book
        self._tell = tell
        self._version: str | None = None
        self._revoked: set[str] = set()

    def is_revoked(self, key: str) -> bool:
        """Whether the key with this id was revoked, as far as it was read."""
        return key in self._revoked

    async def follow(self) -> None:
        """Look once a second, for ever."""
        while True:
            try:
                await self.look()
            except StoreUnavailable:
                log.debug("revocations_not_read")
            except Exception:  # the outermost loop of all looks
                log.exception("revocations_failed")
            await pause(LOOK_SECONDS)

    async def look(self) -> None:
        """Read the book, where it has changed.

        Raises:
            StoreUnavailable: it is away.
        """
        version = await self._book.version()
        if version == self._version:
            return
        version, keys = await self._book.read()
        fresh = {key.id for key in keys.values() if key.revoked_at is not None} - self._revoked
        self._revoked |= fresh
        self._version = version
        if fresh:
            log.info("keys_revoked", count=len(fresh))
            self._tell(fresh)
