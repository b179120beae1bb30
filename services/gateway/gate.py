"""The door: a request in, its caller out."""

import time

from starlette.requests import Request

from services.gateway.credentials import Caller, authenticate
from services.gateway.keyring import KeyRing


class Gate:
    """Knows the keys and the secret of browser tokens. Every route passes it."""

    def __init__(self, *, ring: KeyRing, token_secret: str) -> None:
        """Keep both."""
        self._ring = ring
        self._token_secret = token_secret

    async def caller(self, request: Request) -> Caller:
        """Return who calls; raises as `credentials.authenticate` does."""
        return authenticate(
            request.headers,
            keys=self._ring.keys(),
            token_secret=self._token_secret,
            now=int(time.time()),
        )
