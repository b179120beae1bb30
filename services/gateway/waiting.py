"""Long-poll: a client that prefers to wait (RFC 7240) hears of a change when it happens."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

import structlog

from services.gateway.render import etag
from services.gateway.watch import NoSuchJobError, watch
from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import JobRecord
from shared.contracts.operations import Read
from shared.ports import AsyncJobStore
from shared.stream.merge import Cursor
from shared.stream.switchboard import Switchboard

LONGEST_SECONDS: Final = 30
_WAIT: Final = re.compile(r"\s*wait\s*=\s*(\d{1,9})\s*", re.ASCII | re.IGNORECASE)
_PROGRESS: Final = b'{"type":"progress"'

log = structlog.get_logger()


def preferred_wait(prefer: str | None) -> int | None:
    """Return the seconds of `Prefer: wait=N`, 30 at most; None without one."""
    if not prefer:
        return None
    for preference in prefer.split(","):
        if found := _WAIT.fullmatch(preference):
            return min(int(found[1]), LONGEST_SECONDS)
    return None


def is_known(record: JobRecord, if_none_match: str | None) -> bool:
    """Whether the client has this very state of the job already (RFC 9110, 13.1.2)."""
    tags = (tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(","))
    return any(tag in {"*", etag(record)} for tag in tags)


class Waiting:
    """Follows jobs as the notifier does."""

    def __init__(self, *, switchboard: Switchboard, store: AsyncJobStore) -> None:
        """Keep both."""
        self._switchboard = switchboard
        self._store = store
        self._waits: set[asyncio.Timeout] = set()
        self._closing = False

    async def let_go(self) -> None:
        """Answer everybody with what is known now: this process is on its way out."""
        self._closing = True
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now)

    async def until_final(self, record: JobRecord, seconds: int) -> JobRecord:
        """Return the job when it has ended, or as it is known when the time is over."""
        return await self._until(
            record, seconds, lambda now: now.final, lambda frame: not frame.startswith(_PROGRESS)
        )

    async def until_changed(self, record: JobRecord, seconds: int, if_none_match: str) -> JobRecord:
        """Return the job when the client does not know its state, or when the time is over."""
        return await self._until(
            record, seconds, lambda now: not is_known(now, if_none_match), lambda _frame: True
        )

    async def _until(
        self,
        record: JobRecord,
        seconds: int,
        done: Callable[[JobRecord], bool],
        matters: Callable[[bytes], bool],
    ) -> JobRecord:
        if done(record) or self._closing:
            return record
        cursor = Cursor(record.epoch, record.revision, record.step)
        following = watch(self._switchboard, record.tenant, record.id, cursor)
        try:
            async with self._wait(seconds), aclosing(following) as frames:
                async for frame in frames:
                    if matters(frame):
                        read = await self._store.do(Read(tenant=record.tenant, job=record.id))
                        record = read or record
                        if done(record):
                            break
        except (TimeoutError, NoSuchJobError, StoreUnavailable) as fault:
            log.debug("wait_ended", job_id=record.id, why=type(fault).__name__)
        return record

    @asynccontextmanager
    async def _wait(self, seconds: int) -> AsyncIterator[None]:
        async with asyncio.timeout(seconds) as wait:
            self._waits.add(wait)
            try:
                yield
            finally:
                self._waits.discard(wait)
