"""Where API keys are made, rotated, revoked and listed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from services.gateway.credentials import ApiKey
from services.gateway.keys.making import (
    hashed,
    is_forgettable,
    key_text,
    new_id,
    new_secret,
    revoked,
    rotated,
)
from services.gateway.keys.ring import KeyRing
from services.gateway.refusals import KeyInFile, KeyNotFound, TooManyKeys, Unavailable
from services.gateway.requests.keys import KeyRequest
from shared.contracts.api_keys import PutVerdict, StoredKey
from shared.contracts.errors import StoreUnavailable
from shared.ports import KeyBook

BUDGET_SECONDS: Final = 2.7  # an outage is answered within 3 s
LOOK_SECONDS: Final = 0.3
TRIES: Final = 5  # when others change keys at the same moment


log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handed:
    """A key and its text, which nobody will see again."""

    key: StoredKey
    text: str


class KeyOffice:
    """Changes the book of keys; the gateways' rings follow within a second."""

    def __init__(self, book: KeyBook, ring: KeyRing, *, now_ms: Callable[[], int]) -> None:
        """Keep the book, and the ring, which knows what is in the file."""
        self._book, self._ring, self._now_ms = book, ring, now_ms

    @property
    def of_file(self) -> Mapping[str, ApiKey]:
        """The keys of the file, which nobody changes here."""
        return self._ring.of_file

    async def create(self, wanted: KeyRequest, *, by: str) -> Handed:
        """Make a key.

        Raises:
            TooManyKeys: the book is full.
            StoreUnavailable: no answer in time; a key that was made all the same is known to
                nobody, and is listed.
        """
        now, id_, secret = self._now_ms(), new_id(), new_secret()
        key = StoredKey(
            id=id_,
            tenant=wanted.tenant,
            scopes=tuple(sorted(wanted.scopes)),
            name=wanted.name,
            secrets=(hashed(secret),),
            created_at=now,
            created_by=by,
            expires_at=wanted.expires_at,
        )
        await self._change(id_, lambda _: key)
        return Handed(key, key_text(id_, secret))

    async def rotate(self, id_: str, *, overlap_ms: int) -> Handed:
        """Give a key a new secret; the old one stays valid for the overlap.

        Raises:
            KeyNotFound, KeyInFile, KeyNotActive, TooManySecrets: it cannot be.
            StoreUnavailable: no answer in time; it may have been rotated all the same.
        """
        secret = new_secret()
        key = await self._change(
            id_,
            lambda key: rotated(
                self._existing(id_, key), secret, overlap_ms=overlap_ms, now=self._now_ms()
            ),
        )
        return Handed(key, key_text(id_, secret))

    async def revoke(self, id_: str) -> StoredKey:
        """Make a key invalid for good; once more changes nothing.

        Raises:
            KeyNotFound, KeyInFile: it cannot be.
            StoreUnavailable: no answer in time; asking again is safe.
        """
        return await self._change(
            id_, lambda key: revoked(self._existing(id_, key), now=self._now_ms())
        )

    async def browse(self) -> tuple[Mapping[str, StoredKey], Mapping[str, int]]:
        """Return every key of the store, and when keys were last used (ms), the file's too."""
        _, keys = await self._book.read()
        return keys, await self._book.used()

    async def _change(self, id_: str, change: Callable[[StoredKey | None], StoredKey]) -> StoredKey:
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                key = await self._persist(id_, change)
        except TimeoutError as late:
            raise Unavailable("Too many change keys at this moment: try again.") from late
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._ring.look_again()  # whoever made it may use it here at once
        except (StoreUnavailable, TimeoutError):
            log.info("key_changed_but_not_read", key_id=id_)  # the ring reads it within a second
        return key

    async def _persist(
        self, id_: str, change: Callable[[StoredKey | None], StoredKey]
    ) -> StoredKey:
        for _ in range(TRIES):
            version, keys = await self._book.read()
            after = change(keys.get(id_))
            if after == keys.get(id_):
                return after
            now = self._now_ms()
            gone = [old.id for old in keys.values() if is_forgettable(old, now=now)]
            verdict = await self._book.put(after, version=version, forgetting=gone)
            if verdict is PutVerdict.FULL:
                raise TooManyKeys
            if verdict is PutVerdict.DONE:
                return after
        raise Unavailable("Too many change keys at this moment: try again.")

    def _existing(self, id_: str, key: StoredKey | None) -> StoredKey:
        if key is None:
            raise KeyInFile if id_ in self._ring.of_file else KeyNotFound
        return key
