"""API keys that were made over HTTP, in memory."""

from collections.abc import Iterable, Mapping

from shared.contracts.api_keys import PutVerdict, StoredKey
from shared.contracts.errors import StoreUnavailable


class FakeKeyBook:
    """Keeps `ports.KeyBook` in memory; `looks` counts how often its version was asked."""

    def __init__(self, *, most: int = 10_000) -> None:
        self.keys: dict[str, StoredKey] = {}
        self.times: dict[str, int] = {}
        self.away = False
        self.looks = 0
        self._most = most
        self._changes = 0

    async def version(self) -> str:
        self._answer()
        self.looks += 1
        return str(self._changes) if self._changes else ""

    async def read(self) -> tuple[str, Mapping[str, StoredKey]]:
        self._answer()
        return str(self._changes) if self._changes else "", dict(self.keys)

    async def put(
        self, key: StoredKey, *, version: str, forgetting: Iterable[str] = ()
    ) -> PutVerdict:
        self._answer()
        if self.keys.get(key.id) == key:
            return PutVerdict.DONE
        if version != (str(self._changes) if self._changes else ""):
            return PutVerdict.CHANGED
        for gone in forgetting:
            self.keys.pop(gone, None)
        if key.id not in self.keys and len(self.keys) >= self._most:
            return PutVerdict.FULL
        self.keys[key.id] = key
        self._changes += 1
        return PutVerdict.DONE

    async def used(self) -> Mapping[str, int]:
        self._answer()
        return dict(self.times)

    async def note_used(self, used: Mapping[str, int]) -> None:
        self._answer()
        self.times.update(used)

    def changed(self) -> None:
        """Have another version, as after a failover to a lagging replica."""
        self._changes += 1

    def wipe(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self.keys.clear()
        self.times.clear()
        self._changes = 0

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable
