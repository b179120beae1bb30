"""The ASGI app: routes, what wraps them, and how errors are answered."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from services.gateway.cors import Cors
from services.gateway.crowd import Crowd
from services.gateway.edge import (
    Edge,
    no_such_method,
    on_crash,
    on_http_error,
    on_waymark_error,
)
from services.gateway.express.front import express
from services.gateway.express.submits import SubmitClerk
from services.gateway.openapi import assembling
from services.gateway.parts import Parts
from services.gateway.routes import (
    audit,
    bulk,
    campaigns,
    dead_letters,
    docs,
    jobs,
    keys,
    page,
    probes,
    queues,
    tokens,
    types,
    webhooks,
    workers,
)
from shared.contracts.errors import WaymarkError
from shared.runtime.front import Front
from shared.runtime.probes import Probe

Lifespan = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """What answers: the app, and the front of its connections, which answers plain submits."""

    app: ASGIApp
    front: type[Front]
    let_go: Callable[[], Awaitable[None]]
    """Answers who waits for a job; call it before the process goes."""


def build_gateway(
    parts: Parts, *, ready: Mapping[str, Probe], origins: Sequence[str], lifespan: Lifespan
) -> Gateway:
    """Return all of it; no `origins` means localhost's only, for development."""
    api = build_api(parts, ready=ready, lifespan=lifespan)
    for method, route, statuses in assembling.answers(api):
        parts.metrics.expect_requests(method, route, statuses)
    crowd = Crowd(parts.limits.concurrent_requests)
    edge = Edge(api, metrics=parts.metrics, tracing=parts.tracing, crowd=crowd)
    app = Cors(edge, origins=origins)
    return Gateway(app, express(SubmitClerk(parts, crowd)), parts.waiting.let_go)


def build_api(parts: Parts, *, ready: Mapping[str, Probe], lifespan: Lifespan) -> FastAPI:
    """Return the routes and what they say of themselves, without what wraps them."""

    @asynccontextmanager
    async def live_with(_app: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            yield

    app = FastAPI(
        title="Waymark",
        version="1",
        summary="Runs long jobs and shows their progress live.",
        docs_url=None,
        redoc_url=None,
        lifespan=live_with,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers={
            WaymarkError: on_waymark_error,
            HTTPException: on_http_error,
            Exception: on_crash,
        },
    )
    jobs.add_routes(app, parts)
    bulk.add_routes(app, parts)
    dead_letters.add_routes(app, parts)
    campaigns.add_routes(app, parts)
    tokens.add_routes(app, parts)
    audit.add_routes(app, parts)
    keys.add_routes(app, parts)
    types.add_routes(app, parts)
    queues.add_routes(app, parts)
    workers.add_routes(app, parts)
    webhooks.add_routes(app, parts)
    probes.add_routes(app, parts, ready=ready)
    docs.add_routes(app)
    page.add_routes(app, stream_url=parts.renderer.stream_url)
    _keep_names_from_parameters(app)
    assembling.complete(app)
    return app


def _keep_names_from_parameters(app: FastAPI) -> None:
    """Let no path with a parameter answer for one that has a name: `bulk` is the id of no job."""
    routes = [route for route in app.router.routes if isinstance(route, Route)]
    named: dict[str, set[str]] = {}
    for route in routes:
        if not route.param_convertors:
            named.setdefault(route.path, set()).update(route.methods or ())
    for path, methods in named.items():
        others = {
            method
            for route in routes
            if route.param_convertors and route.path_regex.match(path)
            for method in route.methods or ()
        }
        if others - methods:
            refusing = Route(path, no_such_method, methods=sorted(others - methods))
            refusing.include_in_schema = False
            app.router.routes.insert(0, refusing)
