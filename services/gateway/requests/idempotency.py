"""The Idempotency-Key header: what identifies a request and what it said. Pure."""

import hashlib
import re
from typing import Final

from services.gateway.refusals import BadHeader
from services.gateway.requests.bodies import canonical
from shared.contracts.operations import IdempotencyKey

HEADER: Final = "idempotency-key"
# A structured-field string (RFC 8941), or the bare text that most clients send.
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')
_BARE: Final = re.compile(r"[!#-~]{1,255}")


def idempotency_key(
    header: str | None, body: object, *, tenant: str, route: str
) -> IdempotencyKey | None:
    """Return the key of a request, or None when it bears none.

    Raises:
        BadHeader: not 1-255 visible characters.
    """
    if header is None:
        return None
    quoted = _QUOTED.fullmatch(header)
    if quoted is None and not _BARE.fullmatch(header):
        raise BadHeader("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    return IdempotencyKey(
        hash=hashlib.sha256(f"{tenant}\n{route}\n{text}".encode()).hexdigest(),
        fingerprint=hashlib.sha256(canonical(body)).hexdigest(),
    )
