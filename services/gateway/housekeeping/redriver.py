"""Dead letters back, or away, at a rate: works off the campaigns that operators have started.

Everything that must not be lost lies in the store: a turn moves cursor, counts and letters in one
script, and paces itself by the store's clock. So any process may take over at any moment.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog
import uuid_utils

from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.handing_over import hand_over
from services.gateway.housekeeping.duty import Duty
from services.gateway.metrics import Metrics
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import (
    Action,
    AdvanceCampaign,
    Campaign,
    CampaignState,
    ReadCampaign,
    Survey,
    SurveyDeadLetters,
)
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable, Unroutable
from shared.contracts.job import DeadLetterReason
from shared.contracts.operations import PLATFORM_TENANT
from shared.ports import AsyncJobStore, CommandPublisher, Registry
from shared.runtime import job_lines
from shared.runtime.pacing import pause

SURVEY_SECONDS: Final = 1.0
SHORTEST_WAIT_SECONDS: Final = 0.05
LONGEST_WAIT_SECONDS: Final = 1.0  # so that an abort or a lost lease is noticed
MOST_LETTERS: Final = 50  # of one turn; its script takes about 0.1 ms for each
MOST_CAMPAIGNS: Final = 64  # at work at once; the others wait their turn
TENANTS_AT_ONCE: Final = 16

log = structlog.get_logger()


class Redriver:
    """Does the duty while its lease is held."""

    def __init__(
        self,
        *,
        store: AsyncJobStore,
        publisher: CommandPublisher,
        registry: Registry,
        duty: Duty,
        metrics: Metrics,
        letters: LetterMetrics,
    ) -> None:
        """Keep the parts it works with."""
        self._store = store
        self._publisher = publisher
        self._registry = registry
        self._duty = duty
        self._metrics = metrics
        self._letters = letters
        self._at_work: set[tuple[str, str]] = set()

    async def redrive(self) -> None:
        """Look for campaigns once a second and work them off, for ever."""
        async with asyncio.TaskGroup() as campaigns:
            while True:
                if self._duty.held:
                    with self._metrics.duty_round("redrive"):
                        await self._round(campaigns)
                else:
                    self._letters.waiting({})
                await pause(SURVEY_SECONDS)

    async def _round(self, campaigns: asyncio.TaskGroup) -> None:
        try:
            running = await self._survey()
        except StoreUnavailable:
            self._metrics.duty_failed("redrive")
            log.warning("duty_waits_for_store", duty="redrive")
            return
        except Exception:
            # The outermost loop: a mistake in one round must not end housekeeping.
            self._metrics.duty_failed("redrive")
            log.exception("duty_failed", duty="redrive")
            return
        for tenant, campaign in running:
            if (tenant, campaign) not in self._at_work and len(self._at_work) < MOST_CAMPAIGNS:
                self._at_work.add((tenant, campaign))
                campaigns.create_task(self._work_off(tenant, campaign), name=f"campaign {campaign}")
        self._metrics.duty_done("redrive")

    async def _survey(self) -> list[tuple[str, str]]:
        """Count what waits, and return which campaigns are running."""
        tenants = [*await self._registry.tenants(), PLATFORM_TENANT]
        reasons: Counter[DeadLetterReason] = Counter()
        running: list[tuple[str, str]] = []
        for start in range(0, len(tenants), TENANTS_AT_ONCE):
            group = tenants[start : start + TENANTS_AT_ONCE]
            surveys: Sequence[Survey] = await asyncio.gather(
                *(self._store.do(SurveyDeadLetters(tenant=tenant)) for tenant in group)
            )
            for tenant, survey in zip(group, surveys, strict=True):
                reasons.update(survey.reasons)
                running += [(tenant, campaign) for campaign in survey.running]
        self._letters.waiting(reasons)
        return running

    async def _work_off(self, tenant: str, name: str) -> None:
        try:
            campaign = await self._store.do(ReadCampaign(tenant=tenant, campaign=name))
            while campaign and campaign.state is CampaignState.RUNNING and self._duty.held:
                campaign = await self._go_on(tenant, campaign)
            if campaign and campaign.state is not CampaignState.RUNNING:
                _tell_end(campaign)
        except StoreUnavailable:
            log.warning("campaign_waits_for_store", campaign=name)
        except Exception:
            # A mistake in one campaign must not end the others; the next round takes it up again.
            self._metrics.duty_failed("redrive")
            log.exception("campaign_failed", campaign=name)
        finally:
            self._at_work.discard((tenant, name))

    async def _go_on(self, tenant: str, campaign: Campaign) -> Campaign | None:
        """Make a turn, unless there is nobody to publish what it redrives."""
        if campaign.action is Action.REDRIVE and not self._publisher.ready:
            await pause(LONGEST_WAIT_SECONDS)
            return await self._store.do(ReadCampaign(tenant=tenant, campaign=campaign.id))
        turn = AdvanceCampaign(
            tenant=tenant, campaign=campaign.id, turn=uuid_utils.uuid4().hex, most=MOST_LETTERS
        )
        advanced = await self._store.do(turn)
        if advanced.campaign is not None:
            self._count(campaign.action, advanced.campaign.done - campaign.done)
        for message in advanced.publish:
            job_lines.tell("job_redriven", message, campaign=campaign.id)
        await asyncio.gather(*map(self._publish, advanced.publish))
        if advanced.campaign is not None and advanced.campaign.state is CampaignState.RUNNING:
            await pause(_wait(advanced.wait))
        return advanced.campaign

    def _count(self, action: Action, done: int) -> None:
        if action is Action.REDRIVE:
            self._letters.redriven("campaign", done)
        else:
            self._letters.discarded(done)

    async def _publish(self, message: RunJob) -> None:
        try:
            await hand_over(message, store=self._store, publisher=self._publisher)
        except (BrokerUnavailable, Unroutable, StoreUnavailable) as fault:
            # The outbox holds it: the sweeper publishes it, or sees that it is not needed.
            log.warning("redriven_job_waits", **job_lines.facts_of(message), code=fault.code)


def _wait(ms: int) -> float:
    """Return for how long (s) to wait for the next turn: not at all while the rate has room."""
    return min(max(ms / 1000, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS) if ms else 0.0


def _tell_end(campaign: Campaign) -> None:
    log.info(
        "campaign_over",
        campaign=campaign.id,
        state=campaign.state.value,
        matched=campaign.matched,
        done=campaign.done,
        failed=campaign.failed,
        skipped=campaign.skipped,
    )
