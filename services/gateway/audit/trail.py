"""Notes what operators do. A note never fails the deed, which is done by then."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
import uuid_utils
from prometheus_client import CollectorRegistry

from services.gateway.audit.metrics import AuditMetrics
from shared.contracts.audit import AuditEntry
from shared.contracts.errors import StoreUnavailable
from shared.ports import AuditLog
from shared.runtime.pacing import pause

PATIENCE_SECONDS: Final = 0.25  # of a note; within the 3 s of any answer
RETRY_SECONDS: Final = 1.0
MOST_WAITING: Final = 1_000

log = structlog.get_logger()


class AuditTrail:
    """One log line for each action, and one entry in the store, later when it is away just now."""

    def __init__(
        self, store: AuditLog, *, registry: CollectorRegistry, now_ms: Callable[[], int]
    ) -> None:
        """Keep where to write, and count what could not be kept in `registry`."""
        self._store = store
        self._now_ms = now_ms
        self._waiting: deque[AuditEntry] = deque()
        self._metrics = AuditMetrics(registry)

    async def note(
        self, *, tenant: str | None, by: str, action: str, target: str, reason: str | None
    ) -> None:
        """Note that `by` has done `action` to `target`; `tenant` None: to the whole house.

        Words of actions are `<noun>.<verb>`: "job.cancel", "queue.pause", "key.revoke".
        """
        entry = AuditEntry(
            id=str(uuid_utils.uuid7()),
            at=self._now_ms(),
            tenant=tenant,
            by=by,
            action=action,
            target=target,
            reason=reason,
        )
        log.info(
            "operator_acted", tenant=tenant, by=by, action=action, target=target, reason=reason
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._store.append(entry)
        except (StoreUnavailable, TimeoutError):
            self._keep(entry)

    async def follow(self) -> None:
        """Write what had to wait, for ever; each try once a second."""
        while True:
            try:
                while self._waiting:
                    await self._store.append(self._waiting[0])
                    self._waiting.popleft()
            except StoreUnavailable:
                log.debug("audit_waits", count=len(self._waiting))
            await pause(RETRY_SECONDS)

    def _keep(self, entry: AuditEntry) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.lost()
            log.error("audit_entry_lost", audit_id=entry.id)
            return
        self._waiting.append(entry)
