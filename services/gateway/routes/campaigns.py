"""/v1/dead-letters/campaigns: how far they are, and how to stop one."""

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Caller, Scope
from services.gateway.dead_letters.campaigns import abort_campaign, read_campaign
from services.gateway.dead_letters.views import campaign_view
from services.gateway.listing import parse_page_request, write_cursor
from services.gateway.openapi import dead_letters as openapi
from services.gateway.parts import Parts
from services.gateway.read import is_job_id
from services.gateway.refusals import CampaignNotFound
from services.gateway.render import respond_json
from shared.contracts.dead_letters import ListCampaigns

_PATH = "/v1/dead-letters/campaigns"


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_list(app, parts)

    @app.get(f"{_PATH}/{{campaign}}", **openapi.READ_CAMPAIGN)
    async def get_campaign(campaign: str, request: Request) -> Response:
        """Read one campaign: its counts while it runs."""
        caller = await _operator(request, parts, campaign)
        found = await read_campaign(campaign, tenant=caller.tenant, store=parts.store)
        return respond_json(campaign_view(found, renderer=parts.renderer))

    @app.post(f"{_PATH}/{{campaign}}/abort", **openapi.ABORT_CAMPAIGN)
    async def post_abort(campaign: str, request: Request) -> Response:
        """Stop a campaign where it stands; what it did stays done."""
        caller = await _operator(request, parts, campaign)
        found = await abort_campaign(
            campaign, tenant=caller.tenant, by=caller.name, store=parts.store
        )
        await parts.audit.note(
            tenant=caller.tenant,
            by=caller.name,
            action="campaign.abort",
            target=campaign,
            reason=None,
        )
        return respond_json(campaign_view(found, renderer=parts.renderer))


def _add_list(app: FastAPI, parts: Parts) -> None:
    @app.get(_PATH, **openapi.LIST_CAMPAIGNS)
    async def list_campaigns(request: Request) -> Response:
        """List campaigns, newest first; one that is over is kept for 30 days."""
        caller = await _operator(request, parts)
        salted = f"{caller.tenant} campaigns"  # a cursor of the jobs' list is none of this one
        page = parse_page_request(request.query_params, tenant=salted)
        found = await parts.store.do(
            ListCampaigns(tenant=caller.tenant, before=page.before, limit=page.limit)
        )
        cursor = None if found.next is None else write_cursor(found.next, tenant=salted)
        link = f'<{parts.renderer.base_url}{_PATH}?cursor={cursor}&limit={page.limit}>; rel="next"'
        return respond_json(
            {
                "data": [campaign_view(one, renderer=parts.renderer) for one in found.campaigns],
                "page": {"next": cursor, "has_more": cursor is not None},
            },
            headers={"link": link} if cursor else None,
        )


async def _operator(request: Request, parts: Parts, campaign: str | None = None) -> Caller:
    caller = await parts.gate.caller(request)
    caller.demand(Scope.OPERATE)
    if campaign is not None and not is_job_id(campaign):
        raise CampaignNotFound
    return caller
