"""Browser tokens: what they let their bearer do, minted here, checked by the notifier and by us."""

import time
from dataclasses import dataclass
from typing import Final

import uuid_utils

from services.gateway.render import AccessView
from services.gateway.times import rfc3339
from shared.contracts.tokens import Grant, mint

SUBMIT_TTL_SECONDS: Final = 15 * 60
LONGEST_TTL_SECONDS: Final = 24 * 3600
MAX_JOBS: Final = 200  # as many as one connection may subscribe to; the token stays near 10 KiB


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Mints browser tokens."""

    secret: str
    stream_url: str

    def for_job(self, tenant: str, job: str, *, key: str) -> AccessView:
        """Return the token that comes with a submit: this job alone, 15 minutes."""
        return self.issue(tenant, jobs=frozenset({job}), ttl_seconds=SUBMIT_TTL_SECONDS, key=key)

    def issue(
        self,
        tenant: str,
        *,
        jobs: frozenset[str],
        ttl_seconds: int,
        key: str,
        feed: bool = False,
        cancel: bool = False,
    ) -> AccessView:
        """Return a token for these jobs, or for the whole tenant; it falls with its `key`."""
        now = int(time.time())
        grant = Grant(
            tenant=tenant,
            jobs=jobs,
            expires_at=now + ttl_seconds,
            feed=feed,
            cancel=cancel,
            id=uuid_utils.uuid4().hex,
            key=key,
        )
        return AccessView(
            token=mint(grant, secret=self.secret, now=now),
            expires_at=rfc3339(grant.expires_at * 1000),
            stream_url=self.stream_url,
        )
