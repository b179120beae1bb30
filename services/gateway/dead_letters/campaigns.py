"""Many dead letters at once: what would be touched, and the campaign that does it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
import uuid_utils

from services.gateway.refusals import CampaignNotFound, CampaignOver, TooManyCampaigns
from services.gateway.requests.dead_letters import CampaignRequest
from shared.contracts.dead_letters import (
    AbortCampaign,
    Action,
    Campaign,
    CampaignState,
    CountDeadLetters,
    LetterFilter,
    ListDeadLetters,
    Place,
    ReadCampaign,
    StartCampaign,
)
from shared.contracts.job import JobRecord
from shared.contracts.operations import Read
from shared.ports import AsyncJobStore

SAMPLE: Final = 10
LOOK_SECONDS: Final = 1.0  # for looking what matches: an outage is answered within 3 s
READS_AT_ONCE: Final = 50

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a campaign would touch: how many (`exact`, or at least), and the newest of them."""

    matched: int
    exact: bool
    sample: Sequence[JobRecord]


async def look_ahead(request: CampaignRequest, *, tenant: str, store: AsyncJobStore) -> Outlook:
    """Return what a campaign would touch, and touch nothing.

    Raises:
        StoreUnavailable: the store did not answer in time.
    """
    if request.ids:
        letters = await _letters_among(request.ids, tenant=tenant, store=store)
        return Outlook(matched=len(letters), exact=True, sample=letters[:SAMPLE])
    matched, exact = await _count(request.filter, tenant=tenant, store=store)
    sample: list[JobRecord] = []
    before: Place | None = None
    deadline = time.monotonic() + LOOK_SECONDS
    while len(sample) < min(SAMPLE, matched) and time.monotonic() < deadline:
        asked = ListDeadLetters(
            tenant=tenant, filter=request.filter, before=before, limit=SAMPLE - len(sample)
        )
        page = await store.do(asked)
        sample += page.jobs
        before = page.next
        if before is None:
            break
    return Outlook(matched=matched, exact=exact, sample=sample)


async def start_campaign(
    request: CampaignRequest, action: Action, *, tenant: str, by: str, store: AsyncJobStore
) -> Campaign:
    """Put a campaign on record; the redriver works it off.

    Raises:
        TooManyCampaigns: as many are running as a tenant may have.
        StoreUnavailable: the store did not answer in time.
    """
    matched = 0
    if not request.ids:  # of very many it is what was counted in time: at least so many
        matched, _ = await _count(request.filter, tenant=tenant, store=store)
    campaign = await store.do(
        StartCampaign(
            tenant=tenant,
            campaign=str(uuid_utils.uuid7()),
            action=action,
            filter=request.filter,
            ids=request.ids,
            matched=matched,
            rate=request.rate,
            limit=request.limit,
            by=by,
            reason=request.reason,
        )
    )
    if campaign is None:
        raise TooManyCampaigns
    log.info(
        "campaign_started",
        campaign=campaign.id,
        tenant=tenant,
        action=action.value,
        matched=campaign.matched,
        by=by,
        reason=request.reason,
    )
    return campaign


async def read_campaign(campaign: str, *, tenant: str, store: AsyncJobStore) -> Campaign:
    """Return a campaign of the tenant.

    Raises:
        CampaignNotFound: there is none.
        StoreUnavailable: the store did not answer in time.
    """
    found = await store.do(ReadCampaign(tenant=tenant, campaign=campaign))
    if found is None:
        raise CampaignNotFound
    return found


async def abort_campaign(campaign: str, *, tenant: str, by: str, store: AsyncJobStore) -> Campaign:
    """Stop a campaign where it stands; what it did stays done.

    Raises:
        CampaignNotFound: there is none.
        CampaignOver: it has finished.
        StoreUnavailable: the store did not answer in time; asking again is safe.
    """
    found = await store.do(AbortCampaign(tenant=tenant, campaign=campaign))
    if found is None:
        raise CampaignNotFound
    if found.state is CampaignState.FINISHED:
        raise CampaignOver
    log.info("campaign_aborted", campaign=campaign, tenant=tenant, by=by, done=found.done)
    return found


async def _count(wanted: LetterFilter, *, tenant: str, store: AsyncJobStore) -> tuple[int, bool]:
    deadline = time.monotonic() + LOOK_SECONDS
    total, before = 0, None
    while True:
        counted = await store.do(CountDeadLetters(tenant=tenant, filter=wanted, before=before))
        total, before = total + counted.count, counted.next
        if before is None:
            return total, True
        if time.monotonic() > deadline:
            return total, False


async def _letters_among(
    ids: Sequence[str], *, tenant: str, store: AsyncJobStore
) -> list[JobRecord]:
    found: list[JobRecord] = []
    for start in range(0, len(ids), READS_AT_ONCE):
        some = ids[start : start + READS_AT_ONCE]
        records = await asyncio.gather(*(store.do(Read(tenant=tenant, job=job)) for job in some))
        found += [record for record in records if record and record.dead_letter]
    return found
