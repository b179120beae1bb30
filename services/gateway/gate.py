"""The door: a request in, its caller out. Every route passes it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.requests import Request

from services.gateway.credentials import TENANT_HEADER, Caller, authenticate
from services.gateway.keys.recognition import Recognition
from services.gateway.keys.ring import KeyRing
from services.gateway.metrics import GateReason, Metrics
from services.gateway.rate.standing import Header, Standing
from services.gateway.rate.turnstile import Turnstile
from services.gateway.refusals import (
    Forbidden,
    KeyOver,
    NoCredential,
    RateLimited,
    Unauthenticated,
    UnknownKey,
)
from shared.contracts.errors import (
    ExpiredToken,
    InvalidToken,
    RevokedToken,
    StoreUnavailable,
    WaymarkError,
)

_REASONS: Final[tuple[tuple[type[WaymarkError], GateReason], ...]] = (
    (NoCredential, GateReason.NO_CREDENTIAL),
    (UnknownKey, GateReason.UNKNOWN_KEY),
    (KeyOver, GateReason.KEY_OVER),
    (Unauthenticated, GateReason.MALFORMED),
    (RevokedToken, GateReason.TOKEN_REVOKED),
    (ExpiredToken, GateReason.TOKEN_EXPIRED),
    (InvalidToken, GateReason.BAD_TOKEN),
    (Forbidden, GateReason.FORBIDDEN),
    (StoreUnavailable, GateReason.STORE_AWAY),
)
_OF_POLICY: Final = {
    "tenant": GateReason.TENANT_RATE,
    "pages": GateReason.PAGES_RATE,
    "token": GateReason.TOKEN_RATE,
    "failures": GateReason.ADDRESS_RATE,
}
"""By the policy that a standing names."""


class Gate:
    """Knows the keys, the secret of browser tokens, and how much each may ask."""

    def __init__(
        self,
        *,
        ring: KeyRing,
        token_secret: str,
        turnstile: Turnstile,
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> None:
        """Keep them."""
        self._ring = ring
        self._token_secret = token_secret
        self._turnstile = turnstile
        self._metrics = metrics
        self._now_ms = now_ms
        self._recognition = Recognition(ring.find, now_ms)

    async def caller(self, request: Request) -> Caller:
        """Return who calls, once there is room for the request.

        Raises:
            RateLimited: there is none, or this address has shown too many wrong credentials.
            StoreUnavailable: whether the key holds cannot be known now.
            Unauthenticated, InvalidToken, Forbidden, BadHeader: as `credentials.authenticate`.
        """
        try:
            caller = await self._identify(request)
        except WaymarkError as refusal:
            self._count(refusal)
            raise
        if caller.grant is None:
            self._ring.note_use(caller.key)
        standing = await self._turnstile.ask(caller)
        if standing is not None:
            self._let_through(request, standing)
        return caller

    def known_caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who calls, by what this process knows; raises as `credentials.authenticate`."""
        shown = headers.get("authorization", "")
        plain = TENANT_HEADER not in headers
        if plain and (caller := self._recognition.recall(shown)) is not None:
            return caller
        caller = authenticate(
            headers, find=self._ring.find, token_secret=self._token_secret, now_ms=self._now_ms()
        )
        if plain and caller.grant is None:
            self._recognition.note(shown, caller)
        return caller

    def admit_at_once(self, caller: Caller) -> Sequence[Header] | None:
        """Let a key's request in where nobody has to be asked whether there is room.

        Return the headers that tell how the caller stands; None: it is one for `caller`.
        """
        standing = self._turnstile.pass_at_once(caller)
        if standing is not None:
            self._ring.note_use(caller.key)
        return standing

    async def _identify(self, request: Request) -> Caller:
        try:
            return self._authenticate(request)
        except UnknownKey:
            self._charge(request)
        except NoCredential:
            raise
        except (Unauthenticated, InvalidToken):
            self._charge(request)
            raise
        # The key may have been made, or rotated, a moment ago. Those of the file have not, but
        # nobody shall see by the time it takes which ids they have.
        await self._ring.look_again()
        return self._authenticate(request)

    def _authenticate(self, request: Request) -> Caller:
        return self.known_caller(request.headers)

    def _charge(self, request: Request) -> None:
        """Bound what wrong credentials cost us; whoever shows a right one does not come here."""
        standing = self._turnstile.fail(request.client.host if request.client else "")
        if not standing.passes:
            self._let_through(request, standing)

    def _let_through(self, request: Request, standing: Standing) -> None:
        request.scope["waymark.headers"] += standing.headers()
        if not standing.passes:
            self._metrics.refused(_OF_POLICY[standing.policy])
            raise RateLimited(standing.policy, retry_after=standing.retry_after)

    def _count(self, refusal: WaymarkError) -> None:
        for kind, reason in _REASONS:
            if isinstance(refusal, kind):
                self._metrics.refused(reason)
                return
