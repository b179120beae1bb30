"""The fake store's dead letters and the campaigns over them."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from shared.contracts import dead_letters as letters
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import Action, CampaignState, LetterVerdict
from shared.contracts.job import DeadLetterReason, Discarded
from shared.contracts.lifecycle import Event
from tests.fakes.store_state import OUTBOX_PATIENCE, Job, Tenant

MOST_RUNNING = 16
SECOND = 1_000_000


@dataclass
class Running:
    """A campaign and what only the store knows of it; times in µs."""

    campaign: letters.Campaign
    ids: tuple[str, ...]
    step: int
    paced: int
    at: int = 0
    cursor: letters.Place | None = None
    turn: str = ""
    acted: list[str] = field(default_factory=list)


def redrive(tenant: Tenant, op: letters.Redrive) -> letters.LetterAnswer:
    job = tenant.jobs.get(op.job)
    if job is None:
        return letters.LetterAnswer(verdict=LetterVerdict.NOT_FOUND)
    if job.dead_letter:
        if holder := tenant.other_holder(job):
            return letters.LetterAnswer(verdict=LetterVerdict.TAKEN, holder=holder)
        if job.is_worn_out(1):
            record = job.record(tenant.epoch)
            return letters.LetterAnswer(verdict=LetterVerdict.WORN_OUT, job=record)
        _redrive(tenant, job, op.turn)
    turn, dispatch = job.redriven or ("", 0)
    owed = dispatch == job.dispatch and job.id in tenant.outbox
    done = owed or turn == op.turn
    record = job.record(tenant.epoch)
    return letters.LetterAnswer(
        verdict=LetterVerdict.DONE if done else LetterVerdict.NOTHING,
        job=record,
        publish=RunJob.of(record) if owed else None,
    )


def _redrive(tenant: Tenant, job: Job, turn: str) -> None:
    job.redrives += 1
    job.spent = job.crashes = job.losses = 0
    job.dead_letter = job.error = job.public_error = job.finished_at = None
    job.cancel_requested_at = job.cancel_grace = None
    if job.run_at and job.run_at > tenant.now:
        job.run_at = None
    tenant.new_dispatch(job, tenant.now + OUTBOX_PATIENCE)
    job.redriven = (turn, job.dispatch)
    tenant.hold_unique(job)
    tenant.move(job, Event.REDRIVEN)


def discard(tenant: Tenant, op: letters.Discard) -> letters.LetterAnswer:
    job = tenant.jobs.get(op.job)
    if job is None:
        return letters.LetterAnswer(verdict=LetterVerdict.NOT_FOUND)
    if job.dead_letter:
        _discard(tenant, job, op.by, op.reason)
    verdict = LetterVerdict.DONE if job.discarded else LetterVerdict.NOTHING
    return letters.LetterAnswer(verdict=verdict, job=job.record(tenant.epoch))


def _discard(tenant: Tenant, job: Job, by: str, reason: str | None) -> None:
    job.dead_letter = None
    tenant.keep(job)
    job.discarded = Discarded(at=tenant.now, by=by, reason=reason)
    job.revision += 1


def place_of(job: Job) -> letters.Place:
    assert job.dead_letter
    return letters.Place(since=job.dead_letter.since, job=job.id)


def in_order(place: letters.Place) -> tuple[int, str]:
    return (place.since, place.job)


def _matching(tenant: Tenant, wanted: letters.LetterFilter, at: int) -> list[Job]:
    """Return what matches at the time `at`, oldest first."""
    dead = (job for job in tenant.jobs.values() if job.dead_letter)
    found = [job for job in dead if _matches(job, wanted, at)]
    return sorted(found, key=lambda job: in_order(place_of(job)))


def _matches(job: Job, wanted: letters.LetterFilter, at: int) -> bool:
    assert job.dead_letter
    age = at - job.dead_letter.since
    code = json.loads(job.error or "{}").get("code")
    return (
        wanted.type in {None, job.type}
        and wanted.reason in {None, job.dead_letter.reason}
        and wanted.error_code in {None, code}
        and (wanted.older_than is None or age >= wanted.older_than)
        and (wanted.newer_than is None or age <= wanted.newer_than)
    )


def _newest_first(
    tenant: Tenant, wanted: letters.LetterFilter, before: letters.Place | None
) -> Iterator[Job]:
    for job in reversed(_matching(tenant, wanted, tenant.now)):
        if before is None or in_order(place_of(job)) < in_order(before):
            yield job


def list_dead_letters(tenant: Tenant, op: letters.ListDeadLetters) -> letters.LetterPage:
    """Look at all of them: `next` differs from the real store's where others lie between."""
    found = list(_newest_first(tenant, op.filter, op.before))
    page = found[: op.limit]
    return letters.LetterPage(
        jobs=tuple(job.record(tenant.epoch) for job in page),
        next=place_of(page[-1]) if len(found) > len(page) else None,
    )


def count_dead_letters(tenant: Tenant, op: letters.CountDeadLetters) -> letters.LetterCount:
    count = sum(1 for _ in _newest_first(tenant, op.filter, op.before))
    return letters.LetterCount(count=count, next=None)


def survey_dead_letters(tenant: Tenant, _op: letters.SurveyDeadLetters) -> letters.Survey:
    dead = [job.dead_letter.reason for job in tenant.jobs.values() if job.dead_letter]
    reasons = {reason: dead.count(reason) for reason in DeadLetterReason}
    reasons[DeadLetterReason.UNDECODABLE] += len(tenant.undecodables)
    running = (
        name
        for name, one in tenant.campaigns.items()
        if one.campaign.state is CampaignState.RUNNING
    )
    return letters.Survey(reasons=reasons, running=tuple(sorted(running)))


def start_campaign(tenant: Tenant, op: letters.StartCampaign) -> letters.Campaign | None:
    if op.campaign not in tenant.campaigns:
        states = [one.campaign.state for one in tenant.campaigns.values()]
        if states.count(CampaignState.RUNNING) >= MOST_RUNNING:
            return None
        tenant.campaigns[op.campaign] = _new_campaign(tenant, op)
    return tenant.campaigns[op.campaign].campaign


def _new_campaign(tenant: Tenant, op: letters.StartCampaign) -> Running:
    campaign = letters.Campaign(
        id=op.campaign,
        action=op.action,
        state=CampaignState.RUNNING,
        filter=op.filter,
        by_ids=bool(op.ids),
        rate=float(op.rate),
        limit=op.limit,
        by=op.by,
        reason=op.reason,
        created_at=tenant.now,
        finished_at=None,
        matched=len(op.ids) or op.matched,
        done=0,
        failed=0,
        skipped=0,
    )
    step = math.floor(1_000_000 / op.rate + 0.5)
    return Running(campaign, op.ids, step=step, paced=tenant.now * 1_000)


def advance_campaign(tenant: Tenant, op: letters.AdvanceCampaign) -> letters.Advanced:
    it = tenant.campaigns.get(op.campaign)
    if it is None:
        return letters.Advanced(campaign=None)
    if it.turn != op.turn and it.campaign.state is CampaignState.RUNNING:
        _advance(tenant, it, op)
    owed = [job for job in it.acted if it.turn == op.turn and job in tenant.outbox]
    publish = tuple(RunJob.of(tenant.jobs[job].record(tenant.epoch)) for job in owed)
    wait = 0
    if it.campaign.state is CampaignState.RUNNING:
        wait = max(0, -(-(it.paced + it.step - tenant.now * 1_000) // 1_000))
    return letters.Advanced(campaign=it.campaign, publish=publish, wait=wait)


def _advance(tenant: Tenant, it: Running, op: letters.AdvanceCampaign) -> None:
    paced = max(it.paced, tenant.now * 1_000 - max(SECOND, it.step))
    allowed = (tenant.now * 1_000 - paced) // it.step
    limit = it.campaign.limit
    wanted = min(allowed, op.most, op.most if limit is None else limit - it.campaign.done)
    it.turn, it.acted = op.turn, []
    used, over = 0, False
    if wanted > 0:
        used, over = (_next_ids if it.campaign.by_ids else _next_matching)(tenant, it, wanted)
    campaign = it.campaign
    if over and not campaign.by_ids:
        skipped = max(0, campaign.matched - campaign.done - campaign.failed)
        it.campaign = replace(campaign, skipped=skipped)
    it.paced = paced + used * it.step
    if over or it.campaign.done == limit:
        _end(tenant, it, CampaignState.FINISHED)


def _act(tenant: Tenant, it: Running, job: Job) -> None:
    redrives = it.campaign.action is Action.REDRIVE
    if redrives and (tenant.other_holder(job) or job.is_worn_out(1)):
        it.campaign = replace(it.campaign, skipped=it.campaign.skipped + 1)
        return
    if redrives:
        _redrive(tenant, job, it.campaign.id)
        it.acted.append(job.id)
    else:
        _discard(tenant, job, it.campaign.by, it.campaign.reason)
    it.campaign = replace(it.campaign, done=it.campaign.done + 1)


def _next_ids(tenant: Tenant, it: Running, wanted: int) -> tuple[int, bool]:
    found = it.ids[it.at : it.at + wanted]
    for id_ in found:
        job = tenant.jobs.get(id_)
        if job and job.dead_letter and job.dead_letter.since <= it.campaign.created_at:
            _act(tenant, it, job)
        elif job:
            it.campaign = replace(it.campaign, skipped=it.campaign.skipped + 1)
        else:
            it.campaign = replace(it.campaign, failed=it.campaign.failed + 1)
    it.at += len(found)
    return len(found), it.at >= len(it.ids)


def _next_matching(tenant: Tenant, it: Running, wanted: int) -> tuple[int, bool]:
    used = 0
    for job in _matching(tenant, it.campaign.filter, it.campaign.created_at):
        place = place_of(job)
        late = place.since > it.campaign.created_at
        if late or (it.cursor and in_order(place) <= in_order(it.cursor)):
            continue
        it.cursor = place
        _act(tenant, it, job)
        used += 1
        if used == wanted:
            return used, False
    return used, True


def _end(tenant: Tenant, it: Running, state: CampaignState) -> None:
    it.campaign = replace(it.campaign, state=state, finished_at=tenant.now)


def read_campaign(tenant: Tenant, op: letters.ReadCampaign) -> letters.Campaign | None:
    it = tenant.campaigns.get(op.campaign)
    return it and it.campaign


def list_campaigns(tenant: Tenant, op: letters.ListCampaigns) -> letters.CampaignPage:
    older = (name for name in tenant.campaigns if op.before is None or name < op.before)
    names = sorted(older, reverse=True)
    page = tuple(tenant.campaigns[name].campaign for name in names[: op.limit])
    return letters.CampaignPage(campaigns=page, next=page[-1].id if len(names) > op.limit else None)


def abort_campaign(tenant: Tenant, op: letters.AbortCampaign) -> letters.Campaign | None:
    it = tenant.campaigns.get(op.campaign)
    if it is None:
        return None
    if it.campaign.state is CampaignState.RUNNING:
        _end(tenant, it, CampaignState.ABORTED)
    return it.campaign
