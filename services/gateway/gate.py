"""The door: headers in, caller out."""

import time
from collections.abc import Mapping

from services.gateway.credentials import Caller, authenticate
from services.gateway.keyring import KeyRing


class Gate:
    """Knows the keys and the secret of browser tokens."""

    def __init__(self, *, ring: KeyRing, token_secret: str) -> None:
        """Keep both."""
        self._ring = ring
        self._token_secret = token_secret

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who calls; raises as `credentials.authenticate` does."""
        return authenticate(
            headers,
            keys=self._ring.keys(),
            token_secret=self._token_secret,
            now=int(time.time()),
        )
