"""/v1/workers: who is alive and what they do."""

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Scope
from services.gateway.openapi import queues as openapi
from services.gateway.parts import Parts
from services.gateway.queues.views import worker_view
from services.gateway.render import respond_json


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""

    @app.get("/v1/workers", **openapi.LIST_WORKERS)
    async def list_workers(request: Request) -> Response:
        """List the workers that have said within 15 s that they are alive."""
        caller = await parts.gate.caller(request)
        caller.demand_platform()
        caller.demand(Scope.READ, Scope.OPERATE)
        return respond_json({"data": [worker_view(card) for card in await parts.queues.workers()]})
