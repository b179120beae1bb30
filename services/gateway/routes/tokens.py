"""/v1/tokens: browser tokens, for jobs or for the tenant's feed."""

import msgspec
from fastapi import FastAPI, Request, Response

from services.gateway.credentials import Scope
from services.gateway.openapi import document as openapi
from services.gateway.parts import Parts
from services.gateway.render import respond_json
from services.gateway.requests.bodies import read_json
from services.gateway.requests.tokens import existing, parse_token_request


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""

    @app.post("/v1/tokens", status_code=201, **openapi.MINT_TOKEN)
    async def mint_token(request: Request) -> Response:
        """Mint a token that a page may watch, read and perhaps cancel with."""
        caller = await parts.gate.caller(request)
        caller.demand(Scope.READ)
        wanted = parse_token_request(await read_json(request, limit=parts.limits.body))
        if wanted.cancel:
            caller.demand(Scope.SUBMIT, Scope.OPERATE)
        jobs = wanted.jobs
        if not wanted.feed:
            jobs = await existing(wanted.jobs, tenant=caller.tenant, store=parts.store)
        access = parts.desk.issue(
            caller.tenant,
            jobs=jobs,
            feed=wanted.feed,
            cancel=wanted.cancel,
            ttl_seconds=wanted.ttl_seconds,
            key=caller.key,
        )
        unknown = sorted(wanted.jobs - jobs)
        return respond_json(msgspec.structs.asdict(access) | {"unknown": unknown}, status=201)
