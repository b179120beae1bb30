"""API keys that were shown a moment ago are not looked through again, while they are as they were.

What is kept is a digest of what was shown, never the secret.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.gateway.credentials import ApiKey, Caller, Find

MOST_KEPT: Final = 1000


@dataclass(slots=True)
class _Known:
    key: ApiKey
    until: float
    caller: Caller


class Recognition:
    """Remembers callers by what they showed."""

    def __init__(self, find: Find, now_ms: Callable[[], int]) -> None:
        """Know nobody; `find` returns a key as it is now, another object when it has changed."""
        self._find = find
        self._now_ms = now_ms
        self._known: dict[bytes, _Known] = {}

    def recall(self, shown: str) -> Caller | None:
        """Return whose this Authorization header is, if that is known and still holds.

        Raises:
            StoreUnavailable: whether it holds cannot be known now.
        """
        known = self._known.get(_digest(shown))
        if known is None or self._find(known.key.id) is not known.key:
            return None
        return known.caller if self._now_ms() < known.until else None

    def note(self, shown: str, caller: Caller) -> None:
        """Remember an API key's header that was found good."""
        key = self._find(caller.key)
        if key is None or len(key.secrets) != 1 or key.secrets[0].until is not None:
            return  # one that is being rotated is looked at each time
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        until = float("inf") if key.expires_at is None else key.expires_at
        self._known[_digest(shown)] = _Known(key, until, caller)


def _digest(shown: str) -> bytes:
    return hashlib.blake2b(shown.encode(), digest_size=32).digest()
