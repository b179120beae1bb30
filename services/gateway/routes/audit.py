"""/v1/audit: what operators did."""

from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from services.gateway.audit.reading import (
    entry_view,
    find_entries,
    parse_audit_query,
    write_audit_cursor,
)
from services.gateway.credentials import Scope
from services.gateway.openapi import audit as openapi
from services.gateway.parts import Parts
from services.gateway.render import respond_json


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""

    @app.get("/v1/audit", **openapi.LIST_ENTRIES)
    async def list_entries(request: Request) -> Response:
        """List what operators did, newest first; a platform key may ask for the whole house."""
        caller = await parts.gate.caller(request)
        caller.demand(Scope.OPERATE)
        query = parse_audit_query(request.query_params, tenant=caller.named_tenant)
        page = await find_entries(query, store=parts.audit_log)
        cursor = None if page.next is None else write_audit_cursor(page.next, query)
        words = {**request.query_params, "cursor": cursor or ""}
        link = f'<{parts.renderer.base_url}/v1/audit?{urlencode(words)}>; rel="next"'
        return respond_json(
            {
                "data": [entry_view(entry) for entry in page.entries],
                "page": {"next": cursor, "has_more": cursor is not None},
            },
            headers={"link": link} if cursor else None,
        )
