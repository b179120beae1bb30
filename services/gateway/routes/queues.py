"""/v1/queues: what lies in each, and who lets it rest."""

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Caller, Scope
from services.gateway.openapi import queues as openapi
from services.gateway.parts import Parts
from services.gateway.queues.desk import Overview
from services.gateway.queues.views import View, platform_view, tenant_view, unknown
from services.gateway.render import respond_json
from services.gateway.requests.bodies import optional_json
from services.gateway.requests.queues import parse_pause, parse_resume


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_reading(app, parts)

    @app.post("/v1/queues/{queue}/pause", **openapi.PAUSE)
    async def pause_queue(queue: str, request: Request) -> Response:
        """Let no job of a queue begin: submits are taken, what runs goes on, the rest waits."""
        caller = await _operator(request, parts)
        reason = parse_pause(await optional_json(request, limit=parts.limits.body))
        if await parts.queues.pause(queue, by=caller.name, reason=reason):
            await parts.audit.note(
                tenant=None, by=caller.name, action="queue.pause", target=queue, reason=reason
            )
        found = await parts.queues.look_after(queue, None)
        return respond_json(await _view(found, caller, parts))

    @app.post("/v1/queues/{queue}/resume", **openapi.RESUME)
    async def resume_queue(queue: str, request: Request) -> Response:
        """Let a queue go on where it was, the urgent first."""
        caller = await _operator(request, parts)
        reason = parse_resume(await optional_json(request, limit=parts.limits.body))
        if await parts.queues.resume(queue):
            await parts.audit.note(
                tenant=None, by=caller.name, action="queue.resume", target=queue, reason=reason
            )
        found = await parts.queues.look_after(queue, None)
        return respond_json(await _view(found, caller, parts))


def _add_reading(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/queues", **openapi.LIST_QUEUES)
    async def list_queues(request: Request) -> Response:
        """List the queues; a tenant's key sees name, its own depth and whether it is paused."""
        caller = await _reader(request, parts)
        found = await parts.queues.overview(caller.named_tenant)
        if not caller.of_platform:
            return respond_json({"data": [tenant_view(line) for line in found.queues]})
        found = await parts.queues.ask_broker(found)
        lines = [platform_view(line) for line in found.queues]
        return respond_json({"data": lines, "unknown": unknown(found)})

    @app.get("/v1/queues/{queue}", **openapi.READ_QUEUE)
    async def get_queue(queue: str, request: Request) -> Response:
        """Read one queue."""
        caller = await _reader(request, parts)
        found = await parts.queues.look_up(queue, caller.named_tenant)
        return respond_json(await _view(found, caller, parts))


async def _view(found: Overview, caller: Caller, parts: Parts) -> View:
    if not caller.of_platform:
        return tenant_view(found.queues[0])
    found = await parts.queues.ask_broker(found)
    return {**platform_view(found.queues[0]), "unknown": unknown(found)}


async def _reader(request: Request, parts: Parts) -> Caller:
    caller = await parts.gate.caller(request)
    caller.demand(Scope.READ, Scope.OPERATE)
    return caller


async def _operator(request: Request, parts: Parts) -> Caller:
    caller = await parts.gate.caller(request)
    caller.demand_platform()
    caller.demand(Scope.OPERATE)
    return caller
