"""Tells the ends of jobs to those who asked: each becomes a webhook.deliver job, exactly one.

The script that ended a job left an entry; it goes when the delivery is on record and in the broker.
The delivery's id follows from job and step, and a submit of a known id changes nothing: so whoever
dies in between, the next one comes to the same job.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from services.gateway.catalogue import Catalogue, JobType
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.sweeper import TENANTS_AT_ONCE, groups
from services.gateway.metrics import Metrics
from services.gateway.refusals import EmptyCatalogue, UnknownType
from services.gateway.render import LinksView
from services.gateway.webhooks.events import delivery
from services.gateway.webhooks.metrics import WebhookMetrics
from shared.contracts.answers import SubmitVerdict
from shared.contracts.batches import ConfirmMany, SubmitMany
from shared.contracts.callbacks import ClearCallback, DueCallback, DueCallbacks
from shared.contracts.commands import RunJob
from shared.contracts.errors import StoreUnavailable
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.webhooks import DELIVER
from shared.ports import AsyncJobStore, CommandPublisher, Registry
from shared.runtime import job_lines
from shared.runtime.pacing import pause
from shared.runtime.spells import Spell

PERIOD_SECONDS: Final = 1.0
BATCH: Final = 25  # entries of one script, each with its whole record: 13 MB at the most
MOST_BATCHES: Final = 200  # of one tenant before the next one's turn
_MS: Final = 1000

log = structlog.get_logger()


class Herald:
    """Does the duty while its lease is held, the broker takes messages and a worker can deliver."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        registry: Registry,
        catalogue: Catalogue,
        duty: Duty,
        links: Callable[[str], LinksView],
        metrics: Metrics,
        webhooks: WebhookMetrics,
        retention: int,
    ) -> None:
        """Keep the parts it works with; `retention` (ms) of a delivery, unless its type has one."""
        self._store = store
        self._publisher = publisher
        self._registry = registry
        self._catalogue = catalogue
        self._duty = duty
        self._links = links
        self._metrics = metrics
        self._webhooks = webhooks
        self._retention = retention
        self._waiting = Spell("callbacks_wait", "callbacks_go_on")

    async def tell(self) -> None:
        """Look once a second, for ever."""
        while True:
            if self._duty.held and self._publisher.ready:
                with self._metrics.duty_round("callbacks"):
                    await self._round()
            await pause(PERIOD_SECONDS)

    async def _round(self) -> None:
        try:
            await self.look()
        except StoreUnavailable:
            self._metrics.duty_failed("callbacks")
            log.warning("duty_waits_for_store", duty="callbacks")
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._metrics.duty_failed("callbacks")
            log.exception("duty_failed", duty="callbacks")
        else:
            self._metrics.duty_done("callbacks")

    async def look(self) -> None:
        """Hand on what is due, of every tenant.

        Raises:
            StoreUnavailable: it does not answer; what was not cleared comes again.
        """
        try:
            kind = await self._catalogue.find(DELIVER)
        except (UnknownType, EmptyCatalogue):
            self._webhooks.waiting()
            self._waiting.met(why=f"no worker has announced {DELIVER}")
            return
        self._waiting.over()
        for group in groups(await self._registry.tenants(), TENANTS_AT_ONCE):
            await asyncio.gather(*(self._tell_tenant(tenant, kind) for tenant in group))

    async def _tell_tenant(self, tenant: str, kind: JobType) -> None:
        for _ in range(MOST_BATCHES):
            if not (self._duty.held and self._publisher.ready):
                return
            due = await self._store.do(DueCallbacks(tenant=tenant, limit=BATCH))
            if due:
                await self._hand_on(tenant, due, kind)
            if len(due) < BATCH:
                return

    async def _hand_on(self, tenant: str, due: Sequence[DueCallback], kind: JobType) -> None:
        """Make a batch of deliveries safe: on record, in the broker, and only then cleared."""
        wanted = tuple(
            delivery(one, kind.entry, self._links(one.job.id), retention=self._retention)
            for one in due
        )
        answers = await self._store.do(SubmitMany(tenant=tenant, jobs=wanted))
        deliveries = [answer.job for answer in answers]
        lost = await self._publish(tenant, [job for job in deliveries if job is not None])
        safe = [
            callback
            for callback, job in zip(due, deliveries, strict=True)
            if job is not None and job.id not in lost
        ]
        new = [one.job for one in answers if one.verdict is SubmitVerdict.ACCEPTED and one.job]
        job_lines.tell_all("job_accepted", [job for job in new if job.id not in lost])
        self._webhooks.failed(len(due) - len(safe))
        await asyncio.gather(*map(self._clear, safe))

    async def _publish(self, tenant: str, deliveries: Sequence[JobRecord]) -> Mapping[str, str]:
        """Publish those that wait; return the ids of those that could not be, with the code why."""
        # A delivery that has started had its message; one that has not may have lost it with us.
        waiting = [job for job in deliveries if job.state is State.QUEUED]
        faults = await self._publisher.publish_many([(RunJob.of(job), 0) for job in waiting])
        lost = {
            job.id: fault.code
            for job, fault in zip(waiting, faults, strict=True)
            if fault is not None
        }
        sent = tuple((job.id, job.dispatch) for job in waiting if job.id not in lost)
        if sent:
            await self._store.do(ConfirmMany(tenant=tenant, dispatches=sent))
        if lost:
            codes = sorted(set(lost.values()))
            log.warning("callbacks_not_handed_on", tenant=tenant, count=len(lost), codes=codes)
        return lost

    async def _clear(self, callback: DueCallback) -> None:
        job = callback.job
        if await self._store.do(ClearCallback(tenant=job.tenant, job=job.id, step=callback.step)):
            self._webhooks.handed_on(delay=time.time() - callback.at / _MS)
