"""/v1/webhooks: the secret that receivers verify with."""

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Scope
from services.gateway.openapi import webhooks as openapi
from services.gateway.parts import Parts
from services.gateway.render import respond_json


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_secret(app, parts)


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
