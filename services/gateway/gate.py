"""The door: a request in, its caller out."""

from collections.abc import Callable

from starlette.requests import Request

from services.gateway.credentials import Caller, authenticate
from services.gateway.keys.ring import KeyRing
from services.gateway.refusals import UnknownKey


class Gate:
    """Knows the keys and the secret of browser tokens. Every route passes it."""

    def __init__(self, *, ring: KeyRing, token_secret: str, now_ms: Callable[[], int]) -> None:
        """Keep them."""
        self._ring = ring
        self._token_secret = token_secret
        self._now_ms = now_ms

    async def caller(self, request: Request) -> Caller:
        """Return who calls; raises as `credentials.authenticate` does."""
        try:
            caller = self._authenticate(request)
        except UnknownKey as unknown:
            if unknown.id in self._ring.of_file:
                raise
            await self._ring.look_again()  # it may have been made, or rotated, a moment ago
            caller = self._authenticate(request)
        if caller.grant is None:
            self._ring.note_use(caller.key)
        return caller

    def _authenticate(self, request: Request) -> Caller:
        return authenticate(
            request.headers,
            find=self._ring.find,
            token_secret=self._token_secret,
            now_ms=self._now_ms(),
        )
