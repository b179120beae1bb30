"""Signatures of webhooks as Standard Webhooks 1.0 has them (standardwebhooks.com). Pure.

A tenant's secret is derived from the house's and kept nowhere: a store that was wiped loses none.
The house may have several, newest first: every delivery is signed with each, so that receivers can
change over while all of them are in use.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
_LABEL: Final = "waymark webhook secret 1\n"  # another label, another secret


def tenant_secrets(house: Sequence[str], tenant: str) -> tuple[str, ...]:
    """Return the secrets of a tenant, `whsec_<base64 of 32 bytes>`, in the order of the house's."""
    return tuple(
        PREFIX + base64.b64encode(_mac(one.encode(), f"{_LABEL}{tenant}".encode())).decode()
        for one in house
    )


def signature(secrets: Sequence[str], *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature`: one `v1,<base64>` for each secret.

    Args:
        secrets: `whsec_…`, as `tenant_secrets` gives them.
        event_id: the header `webhook-id`; holds no dot.
        timestamp: the header `webhook-timestamp`, seconds since the epoch.
        body: the exact bytes that are sent.
    """
    signed = f"{event_id}.{timestamp}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix(PREFIX)) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(_mac(key, signed)).decode()}" for key in keys)


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, hashlib.sha256)
