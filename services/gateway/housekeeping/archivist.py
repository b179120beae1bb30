"""From the dead-letter queue to the record: filed by (job, dispatch), and only then acked."""

import asyncio
import hashlib
from contextlib import aclosing
from typing import Final

import structlog

from services.gateway.ends import count_filing
from services.gateway.housekeeping.deliveries import DeadLetterDelivery, Deliveries
from services.gateway.housekeeping.duty import Duty
from services.gateway.lines import tell_filing
from services.gateway.metrics import Metrics
from shared.contracts.answers import Archived, ArchiveVerdict
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import KeepUndecodable
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable, Undecodable, Unroutable
from shared.contracts.operations import PLATFORM_TENANT, Archive, Confirm
from shared.ports import AsyncJobStore, CommandPublisher
from shared.runtime import job_lines
from shared.runtime.pacing import full_jitter, pause

STANDBY_SECONDS: Final = 1.0
RETRY_BASE_SECONDS: Final = 0.2
RETRY_CAP_SECONDS: Final = 5.0
LONGEST_KEPT_BYTES: Final = 1024 * 1024  # of a message that nobody can decode

log = structlog.get_logger()


class Archivist:
    """Does the duty while its lease is held.

    A message is held until it is filed; one that cannot be filed yet is tried again, never given
    back (that would be a hot loop). What a lost connection or lease takes away comes again.
    """

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        duty: Duty,
        metrics: Metrics,
    ) -> None:
        """Keep the parts it works with."""
        self._deliveries = deliveries
        self._store = store
        self._publisher = publisher
        self._duty = duty
        self._metrics = metrics

    async def archive(self) -> None:
        """File what arrives, for ever."""
        while True:
            if self._duty.held:
                await self._serve()
            await pause(STANDBY_SECONDS)

    async def _serve(self) -> None:
        """File until the lease is lost."""
        try:
            async with asyncio.TaskGroup() as both:
                reading = both.create_task(self._read(), name="dead_letters")
                while self._duty.held:
                    await pause(STANDBY_SECONDS)
                reading.cancel()
        except* Exception as faults:
            self._metrics.duty_failed("archive")
            log.exception("duty_failed", duty="archive", exc_info=faults)

    async def _read(self) -> None:
        # One task a letter, as many as the queue hands out at once: one that has to wait (for a
        # queue that no worker has declared again yet) must not hold up the others.
        async with (
            asyncio.TaskGroup() as letters,
            aclosing(self._deliveries.arriving()) as arriving,
        ):
            async for delivery in arriving:
                letters.create_task(self._settle(delivery))

    async def _settle(self, delivery: DeadLetterDelivery) -> None:
        try:
            with self._metrics.duty_round("archive"):
                await self._file_at_last(delivery)
        except Exception:
            # It stays unacked and comes again with the next connection.
            self._metrics.duty_failed("archive")
            log.exception("dead_letter_not_filed")
            return
        delivery.ack()
        self._metrics.duty_done("archive")

    async def _file_at_last(self, delivery: DeadLetterDelivery) -> None:
        attempt = 0
        while True:
            try:
                await self._file(delivery)
            except (StoreUnavailable, BrokerUnavailable, Unroutable) as fault:
                attempt += 1
                self._metrics.duty_failed("archive")
                log.warning("dead_letter_waits", code=fault.code, tries=attempt)
            else:
                return
            await pause(full_jitter(attempt, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS))

    async def _file(self, delivery: DeadLetterDelivery) -> None:
        try:
            message = RunJob.decode(delivery.body)
        except Undecodable as fault:
            await self._keep_undecodable(delivery, why=fault.detail)
            return
        archived = await self._store.do(
            Archive(
                tenant=message.options.tenant,
                message=message,
                delivery_limit=delivery.broker_reason == "delivery_limit",
            )
        )
        count_filing(self._metrics.endings, message, archived)
        tell_filing(message, archived)
        await self._publish(archived)
        self._metrics.dead_letter(archived.verdict.value)
        log.info(
            "dead_letter_filed",
            **job_lines.facts_of(message),
            verdict=archived.verdict.value,
            broker_reason=delivery.broker_reason,
        )

    async def _publish(self, archived: Archived) -> None:
        message = archived.message
        if archived.verdict is ArchiveVerdict.ACK or message is None:
            return
        if archived.verdict is ArchiveVerdict.PUBLISH_LATER:
            await self._publisher.publish_later(message, delay_ms=archived.delay)
        else:
            await self._publisher.publish(message)
        self._metrics.republished("dead_letter")
        await self._store.do(
            Confirm(
                tenant=message.options.tenant, job=message.job, dispatch=message.options.dispatch
            )
        )

    async def _keep_undecodable(self, delivery: DeadLetterDelivery, *, why: str) -> None:
        digest = hashlib.sha256(delivery.body).hexdigest()
        is_new = await self._store.do(
            KeepUndecodable(
                tenant=PLATFORM_TENANT,
                digest=digest,
                body=delivery.body[:LONGEST_KEPT_BYTES],
                size=len(delivery.body),
                why=why,
            )
        )
        if is_new:
            self._metrics.endings.undecodable()
        self._metrics.dead_letter("undecodable")
        log.error("message_undecodable", digest=digest, bytes=len(delivery.body), why=why)
