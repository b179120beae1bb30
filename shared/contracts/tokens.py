"""The browser token: a short-lived JWT that lets its bearer watch, read and perhaps cancel.

HS256 with a secret that the gateway and the notifier share. It travels in an Authorization header
or in the first message of a stream, never in a URL.
"""

import binascii
import hmac
from functools import lru_cache
from typing import Final

import jwt
import msgspec

from shared.contracts.errors import ExpiredToken, InvalidToken

ISSUER: Final = "waymark"
AUDIENCE: Final = "waymark.stream"
_ALGORITHM: Final = "HS256"
_OF_URLS: Final = bytes.maketrans(b"+/", b"-_")
_OF_BYTES: Final = bytes.maketrans(b"-_", b"+/")
_encode: Final = msgspec.json.Encoder().encode


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token allows, within `tenant`; `expires_at` in seconds since the epoch.

    `key`: the id of the API key it was minted with; when that is revoked, so is the token.
    """

    tenant: str
    jobs: frozenset[str]
    expires_at: int
    feed: bool = False
    cancel: bool = False
    id: str = ""
    key: str = ""

    def allows(self, job: str) -> bool:
        """Whether this job may be watched and read."""
        return self.feed or job in self.jobs


def mint(grant: Grant, *, secret: str, now: int) -> str:
    """Return the signed token for `grant`, issued at `now` (seconds since the epoch).

    Each submit mints one. PyJWT, which reads them, looks at the key and the algorithm anew each
    time, and took a tenth of what a submit cost; an HS256 token of our own claims is three lines.
    """
    claims = _Claims(
        jti=grant.id,
        iat=now,
        exp=grant.expires_at,
        tenant=grant.tenant,
        jobs=sorted(grant.jobs),
        feed=grant.feed,
        cancel=grant.cancel,
        key=grant.key,
        iss=ISSUER,
        aud=AUDIENCE,
    )
    signed = _HEAD + _base64(_encode(claims))
    seal = _seal(secret).copy()
    seal.update(signed)
    return (signed + b"." + _base64(seal.digest())).decode()


class _Claims(msgspec.Struct, kw_only=True):
    jti: str
    iat: int
    exp: int
    tenant: str
    jobs: list[str]
    feed: bool
    cancel: bool
    key: str
    iss: str
    aud: str


def _base64(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).translate(_OF_URLS, b"=")


@lru_cache(maxsize=8)  # a process has one; to begin anew costs more than the rest of a signature
def _seal(secret: str) -> hmac.HMAC:
    return hmac.new(secret.encode(), digestmod="sha256")


def verify(token: str, *, secret: str, now: int) -> Grant:
    """Return what a token allows.

    Raises:
        ExpiredToken: it was valid until before `now` (seconds since the epoch).
        InvalidToken: it is not one of ours.
    """
    grant = _read_ours(token, secret) or _read_any(token, secret)
    if grant.expires_at <= now:
        raise ExpiredToken
    return grant


def _read_ours(token: str, secret: str) -> Grant | None:
    """Read a token exactly as `mint` writes it; None: somebody else must judge it.

    A storm of reconnects is a storm of these, and PyJWT takes five times as long.
    """
    try:
        signed, _, signature = token.encode("ascii").rpartition(b".")
    except UnicodeEncodeError:
        return None
    seal = _seal(secret).copy()
    seal.update(signed)
    if not signed.startswith(_HEAD) or not hmac.compare_digest(signature, _base64(seal.digest())):
        return None
    body = signed[len(_HEAD) :].translate(_OF_BYTES)
    try:
        claims = _claims.decode(binascii.a2b_base64(body + b"=" * (-len(body) % 4)))
    except ValueError:  # msgspec's, too
        return None
    if claims.iss != ISSUER or claims.aud != AUDIENCE:
        return None
    return Grant(
        tenant=claims.tenant,
        jobs=frozenset(claims.jobs),
        expires_at=claims.exp,
        feed=claims.feed,
        cancel=claims.cancel,
        id=claims.jti,
        key=claims.key,
    )


def _read_any(token: str, secret: str) -> Grant:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            # Of the times only `exp` counts, by our own clock: the minter's may be ahead of it.
            options={
                "require": ["exp", "aud", "iss", "tenant"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
        return Grant(
            tenant=str(claims["tenant"]),
            jobs=frozenset(claims.get("jobs") or ()),
            expires_at=int(claims["exp"]),
            feed=claims.get("feed") is True,
            cancel=claims.get("cancel") is True,
            id=str(claims.get("jti", "")),
            key=str(claims.get("key", "")),
        )
    except (jwt.PyJWTError, TypeError, ValueError) as fault:
        raise InvalidToken from fault


_claims: Final = msgspec.json.Decoder(_Claims)
_HEAD: Final = _base64(b'{"alg":"HS256","typ":"JWT"}') + b"."
