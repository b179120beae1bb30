"""Every API key that is valid here: the file's, and the store's as they were within a second."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from services.gateway.credentials import ApiKey, Scope, Secret
from services.gateway.keys.file import KeysFile
from shared.contracts.api_keys import StoredKey
from shared.contracts.errors import StoreUnavailable
from shared.ports import KeyBook
from shared.runtime.pacing import pause

LOOK_SECONDS: Final = 1.0  # a revoked key is refused within this and a round trip
LEAST_SECONDS: Final = 0.2  # between two looks, however many unknown keys are shown
STALE_SECONDS: Final = 300.0  # for so long what was read last is good enough
NOTE_SECONDS: Final = 10.0  # how often it is written down which keys are used

_NO_SECRETS: Final = (Secret("0" * 64),)  # no secret has this hash

log = structlog.get_logger()


class KeyRing:
    """Finds keys. Of a key that both the file and the store have, the file's counts."""

    def __init__(
        self,
        file: KeysFile,
        book: KeyBook,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int],
    ) -> None:
        """Describe it; the store is read by `follow`, or when an unknown key is shown."""
        self._file, self._book = file, book
        self._monotonic, self._now_ms = monotonic, now_ms
        self._stored: Mapping[str, ApiKey] = {}
        self._version: str | None = None
        self._looked_at = self._read_at = self._failed_at = float("-inf")
        self._noted_at = monotonic()
        self._looking = asyncio.Lock()
        self._used: dict[str, int] = {}
        self._revoked: dict[str, int] = {}  # by id, when (ms); what was once revoked stays so

    @property
    def complaint(self) -> str | None:
        """What is wrong with the keys, in words, or None."""
        if (complaint := self._file.complaint) is not None:
            return complaint
        if self._file.keys() or self._stored:
            return None
        return "no API key is known: set WAYMARK_KEYS_FILE"

    @property
    def of_file(self) -> Mapping[str, ApiKey]:
        """The keys of the file."""
        return self._file.keys()

    def find(self, id_: str) -> ApiKey | None:
        """Return the key with this id, or None.

        Raises:
            StoreUnavailable: the store was asked too long ago to say whether it still holds.
        """
        key = self._file.keys().get(id_)
        if key is not None:
            return key
        key = self._stored.get(id_) or self._grave(id_)
        if key is not None and self._monotonic() - self._read_at > STALE_SECONDS:
            raise StoreUnavailable("Redis is away for too long to know whether this key holds.")
        return key

    def _grave(self, id_: str) -> ApiKey | None:
        """Return what is left of a revoked key in a wiped store: its tokens may still be shown."""
        if id_ not in self._revoked:
            return None
        return ApiKey(
            id=id_,
            secrets=_NO_SECRETS,
            tenant="",
            scopes=frozenset(),
            name="",
            revoked_at=self._revoked[id_],
        )

    def note_use(self, id_: str) -> None:
        """Remember that a key was just used."""
        self._used[id_] = self._now_ms()

    async def look_again(self) -> None:
        """Return when the store has been read after this call, at most five times a second.

        Raises:
            StoreUnavailable: it is away.
        """
        asked_at = self._monotonic()
        async with self._looking:
            if self._looked_at >= asked_at:
                return
            if self._monotonic() - self._failed_at < LOOK_SECONDS:
                raise StoreUnavailable("Redis is away: it cannot be known whether this key holds.")
            await pause(max(0.0, self._looked_at + LEAST_SECONDS - self._monotonic()))
            await self._look()

    async def follow(self) -> None:
        """Read the store once a second, for ever; and write down which keys were used."""
        while True:
            try:
                async with self._looking:
                    await self._look()
                await self._write_used()
            except StoreUnavailable:
                log.debug("keys_not_read")
            await pause(LOOK_SECONDS)

    async def _look(self) -> None:
        began = self._monotonic()
        try:
            version = await self._book.version()
            if version != self._version:
                version, keys = await self._book.read()
                risen = [self._buried(key) for key in keys.values() if self._is_risen(key)]
                keys = {**keys, **{key.id: key for key in risen}}
                self._stored = {name: of_store(key) for name, key in keys.items()}
                self._revoked |= {
                    key.id: key.revoked_at for key in keys.values() if key.revoked_at is not None
                }
                log.info("stored_keys_read", count=len(self._stored))
                await self._bury(risen, version)
        except StoreUnavailable:
            self._failed_at = self._monotonic()
            raise
        self._version = version
        self._looked_at = self._read_at = began

    def _is_risen(self, key: StoredKey) -> bool:
        return key.revoked_at is None and key.id in self._revoked

    def _buried(self, key: StoredKey) -> StoredKey:
        return msgspec.structs.replace(key, revoked_at=self._revoked[key.id])

    async def _bury(self, risen: Sequence[StoredKey], version: str) -> None:
        """Tell a store that went back in time what was revoked; one a look, the next one more."""
        for key in risen[:1]:
            verdict = await self._book.put(key, version=version)
            log.warning("revocation_restored", key_id=key.id, verdict=verdict.value)

    async def _write_used(self) -> None:
        if self._monotonic() - self._noted_at >= NOTE_SECONDS:
            self._noted_at = self._monotonic()
            used, self._used = self._used, {}
            await self._book.note_used(used)


def of_store(key: StoredKey) -> ApiKey:
    """Return a key of the store as it is checked; a scope that this version lacks gives nothing."""
    return ApiKey(
        id=key.id,
        secrets=tuple(Secret(secret.sha256, secret.until) for secret in key.secrets),
        tenant=key.tenant,
        scopes=frozenset(scope for scope in Scope if scope.value in key.scopes),
        name=key.name,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )
