"""The HTTP side: probes and metrics, and the hub's life. The stream itself is `protocol.py`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.notifier.document import document
from services.notifier.hub import Hub
from services.notifier.sse.answering import Events


def build_app(
    open_hub: Callable[[], AbstractAsyncContextManager[Hub]], routes: list[BaseRoute]
) -> Starlette:
    """Return the app; its lifespan opens the hub and hands it to each connection as `hub`."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Hub]]:
        async with open_hub() as hub:
            yield {"hub": hub}

    events = Events().answer
    return Starlette(
        routes=[
            *routes,
            Route("/asyncapi.json", _describe),
            Route("/v1/jobs/{job}/events", events, methods=["GET", "OPTIONS"]),
            Route("/v1/feed/events", events, methods=["GET", "OPTIONS"]),
        ],
        lifespan=lifespan,
    )


async def _describe(_request: Request) -> Response:
    return Response(msgspec.json.encode(document()), media_type="application/json")
