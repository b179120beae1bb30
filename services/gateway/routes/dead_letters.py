"""/v1/dead-letters: what failed for good, and the two ways out. For operators."""

import time
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Caller, Scope
from services.gateway.dead_letters.campaigns import look_ahead, start_campaign
from services.gateway.dead_letters.cursor import read_letter_cursor, write_letter_cursor
from services.gateway.dead_letters.views import campaign_view, outlook_view
from services.gateway.openapi import dead_letters as openapi
from services.gateway.parts import Parts
from services.gateway.read import is_job_id
from services.gateway.refusals import JobNotFound
from services.gateway.render import respond, respond_json
from services.gateway.requests.bodies import optional_json, read_json
from services.gateway.requests.dead_letters import (
    LetterQuery,
    parse_campaign_request,
    parse_letter_query,
    parse_reason,
)
from shared.contracts.dead_letters import Action, LetterPage, ListDeadLetters
from shared.contracts.job import JobRecord

MOST_LOOKS = 50  # of a thousand letters each, for one page; then the page ends short


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_retry(app, parts)
    _add_list(app, parts)

    @app.post("/v1/dead-letters/redrive", status_code=202, **openapi.REDRIVE)
    async def redrive_letters(request: Request) -> Response:
        """Start a campaign that gives dead letters a new life, at a bounded rate."""
        return await _campaign(request, parts, Action.REDRIVE)

    @app.post("/v1/dead-letters/discard", status_code=202, **openapi.DISCARD)
    async def discard_letters(request: Request) -> Response:
        """Start a campaign that gives dead letters up for good, at a bounded rate."""
        return await _campaign(request, parts, Action.DISCARD)


def _add_retry(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/jobs/{job}/retry", status_code=202, **openapi.RETRY_JOB)
    async def retry_job(job: str, request: Request) -> Response:
        """Redrive a dead letter now: the same job, a new life."""
        caller = await _operator(request, parts)
        reason = parse_reason(await optional_json(request, limit=parts.limits.body))
        if not is_job_id(job):
            raise JobNotFound
        record = await parts.redriving.redrive(
            job, tenant=caller.tenant, by=caller.name, reason=reason
        )
        await parts.audit.note(
            tenant=caller.tenant, by=caller.name, action="job.retry", target=job, reason=reason
        )
        view = parts.renderer.job(record, operator=True)
        headers = {"location": view.links.self}
        return respond(
            view, record, now_ms=time.time_ns() // 1_000_000, status=202, headers=headers
        )


def _add_list(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/dead-letters", **openapi.LIST_LETTERS)
    async def list_letters(request: Request) -> Response:
        """List dead letters, those that failed last first."""
        caller = await _operator(request, parts)
        query = parse_letter_query(request.query_params)
        page = await _page(query, caller.tenant, parts)
        cursor = None
        if page.next is not None:
            cursor = write_letter_cursor(page.next, tenant=caller.tenant, wanted=query.filter)
        words = {**request.query_params, "cursor": cursor or ""}
        link = f'<{parts.renderer.base_url}/v1/dead-letters?{urlencode(words)}>; rel="next"'
        return respond_json(
            {
                "data": [parts.renderer.job(job, operator=True) for job in page.jobs],
                "page": {"next": cursor, "has_more": cursor is not None},
            },
            headers={"link": link} if cursor else None,
        )


async def _page(query: LetterQuery, tenant: str, parts: Parts) -> LetterPage:
    before = None
    if query.cursor is not None:
        before = read_letter_cursor(query.cursor, tenant=tenant, wanted=query.filter)
    found: list[JobRecord] = []
    for _ in range(MOST_LOOKS):
        left = query.limit - len(found)
        looked = await parts.store.do(
            ListDeadLetters(tenant=tenant, filter=query.filter, before=before, limit=left)
        )
        found += looked.jobs
        before = looked.next
        if before is None or len(found) == query.limit:
            break
    return LetterPage(jobs=tuple(found), next=before)


async def _campaign(request: Request, parts: Parts, action: Action) -> Response:
    caller = await _operator(request, parts)
    wanted = parse_campaign_request(await read_json(request, limit=parts.limits.body))
    if wanted.dry_run:
        outlook = await look_ahead(wanted, tenant=caller.tenant, store=parts.store)
        return respond_json(outlook_view(outlook, renderer=parts.renderer))
    campaign = await start_campaign(
        wanted, action, tenant=caller.tenant, by=caller.name, store=parts.store
    )
    await parts.audit.note(
        tenant=caller.tenant,
        by=caller.name,
        action=f"dead_letters.{action.value}",
        target=campaign.id,
        reason=wanted.reason,
    )
    location = f"{parts.renderer.base_url}/v1/dead-letters/campaigns/{campaign.id}"
    view = campaign_view(campaign, renderer=parts.renderer)
    return respond_json(view, status=202, headers={"location": location})


async def _operator(request: Request, parts: Parts) -> Caller:
    caller = await parts.gate.caller(request)
    caller.demand(Scope.OPERATE)
    return caller
