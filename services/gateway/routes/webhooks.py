"""/v1/webhooks: send one, and the secret that receivers verify with."""

from typing import Final

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Scope
from services.gateway.openapi import webhooks as openapi
from services.gateway.parts import Parts
from services.gateway.render import respond_json
from services.gateway.requests.jobs import JobRequest
from services.gateway.requests.webhooks import parse_webhook_request
from services.gateway.routes.jobs import submit

_ROUTE: Final = "POST /v1/webhooks/deliver"


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_deliver(app, parts)
    _add_secret(app, parts)


def _add_deliver(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/webhooks/deliver", status_code=202, **openapi.DELIVER)
    async def deliver_webhook(request: Request) -> Response:
        """Send a signed webhook: a job of the type webhook.deliver, retried until it is heard."""
        return await submit(request, parts, route=_ROUTE, read=_read_webhook)


async def _read_webhook(parts: Parts, body: bytes, parsed: object) -> tuple[JobRequest, str]:
    return parse_webhook_request(
        parsed, body, a_url=parts.webhooks.a_url, limit=parts.limits.payload
    )


def _add_secret(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/webhooks/secret", **openapi.READ_SECRET)
    async def get_webhook_secret(request: Request) -> Response:
        """Show the secret that the tenant's webhooks are signed with."""
        caller = await parts.gate.caller(request)
        caller.demand(Scope.OPERATE)
        found = parts.webhooks.secret(caller.tenant)
        await parts.audit.note(
            tenant=caller.tenant,
            by=caller.name,
            action="webhook.show_secret",
            target=caller.tenant,
            reason=None,
        )
        return respond_json(found)
