"""The HTTP side: probes and metrics, and the hub's life. The stream itself is `protocol.py`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.notifier.document import document
from services.notifier.hub import Hub
from services.notifier.messages import PATH, SUBPROTOCOL
from services.notifier.sse.answering import Events
from services.notifier.sse.refusing import Refused, problem

_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing here: see /asyncapi.json for what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This is only read: GET it.",
}


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
            Route(PATH, _want_websocket),
            Route("/v1/jobs/{job}/events", events, methods=["GET", "OPTIONS"]),
            Route("/v1/feed/events", events, methods=["GET", "OPTIONS"]),
        ],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )


async def _describe(_request: Request) -> Response:
    return Response(msgspec.json.encode(document()), media_type="application/json")


async def _want_websocket(_request: Request) -> Response:
    """Answer who asks for the stream as for a page (RFC 9110, section 15.5.22)."""
    detail = f"The stream is a WebSocket of the subprotocol {SUBPROTOCOL}: upgrade to it."
    refusal = Refused(HTTPStatus.UPGRADE_REQUIRED, "upgrade-required", detail)
    return problem(refusal, {"upgrade": "websocket", "connection": "upgrade"})


async def _refuse(_request: Request, fault: Exception) -> Response:
    if not isinstance(fault, HTTPException):
        raise fault
    status = HTTPStatus(fault.status_code)
    code = status.phrase.lower().replace(" ", "-")
    refusal = Refused(status, code, _DETAILS.get(status, status.description))
    return problem(refusal, fault.headers or {})
