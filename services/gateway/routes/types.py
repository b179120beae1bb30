"""/v1/types: what can be run."""

from fastapi import FastAPI, Request, Response

from services.gateway.catalogue import JobType
from services.gateway.credentials import Scope
from services.gateway.openapi import document as openapi
from services.gateway.parts import Parts
from services.gateway.render import respond_json


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""

    @app.get("/v1/types", **openapi.LIST_TYPES)
    async def list_types(request: Request) -> Response:
        """List every job type that a worker has announced."""
        (await parts.gate.caller(request)).demand(*Scope)
        return respond_json({"data": [_view(found) for found in await parts.catalogue.browse()]})

    @app.get("/v1/types/{type}", **openapi.READ_TYPE)
    async def get_type(type: str, request: Request) -> Response:  # noqa: A002 - the path's word
        """Read one job type: its schemas, its limits, how many workers serve it."""
        (await parts.gate.caller(request)).demand(*Scope)
        return respond_json(_view(await parts.catalogue.look_up(type)))


def _view(job_type: JobType) -> dict[str, object]:
    entry = job_type.entry
    return {
        "type": entry.type,
        "version": entry.version,
        "summary": entry.summary,
        "queue": entry.queue,
        "isolation": entry.isolation,
        "limits": entry.limits,
        "payload_schema": entry.payload_schema,
        "result_schema": entry.result_schema,
        "workers": job_type.workers,
    }
