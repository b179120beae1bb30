"""The outermost layer: request ids, the last word on every error, what is counted, and shedding."""

import re
import time
from http import HTTPStatus
from typing import Final

import structlog
import uuid_utils
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.crowd import Crowd
from services.gateway.metrics import Metrics
from services.gateway.problems import framework_code, problem, respond
from services.gateway.refusals import Overloaded
from services.gateway.tallies import NOWHERE, OTHER_METHOD
from services.gateway.tracing import Call, Tracing
from shared.contracts.errors import WaymarkError

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES: Final = frozenset({"/live", "/ready", "/metrics"})  # never shed: they say why we shed

log = structlog.get_logger()


class Edge:
    """Wraps the app. Everything that leaves it bears X-Request-Id; every error is a problem."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, tracing: Tracing, crowd: Crowd) -> None:
        """Let no more in than the crowd may hold."""
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._crowd = crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else OTHER_METHOD
        if method == "HEAD":
            method = "GET"
            scope = {**scope, "method": method}  # the server leaves the body out
        exchange = _Exchange(scope, send)
        call = self._begin_span(scope)
        started = time.monotonic()
        self._crowd.enter()
        try:
            await self._serve(exchange, scope, receive)
        finally:
            self._crowd.leave()
            seconds = time.monotonic() - started
            route = _template(scope)
            if exchange.started:  # else it was cancelled with its server: nobody got an answer
                # What was shed has not found its route.
                asked = str(scope["path"]) if route == NOWHERE else route
                self._metrics.answered(method, asked, exchange.status, seconds)
            if call is not None:
                self._tracing.end(call, method, route, exchange.status)

    def _begin_span(self, scope: Scope) -> Call | None:
        if not self._tracing.on or scope["path"] in _PROBES:
            return None
        return self._tracing.begin_request(scope)

    async def _serve(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> None:
        if self._crowd.is_too_large and scope["path"] not in _PROBES:
            answer = problem(Overloaded(), request_id=exchange.request_id)
            await answer(scope, receive, exchange.send)
            return
        try:
            await self._app(scope, receive, exchange.send)
        except Exception:
            self._metrics.crashed()
            log.exception("request_crashed", request_id=exchange.request_id)
            if exchange.finished:
                return  # by `on_crash`
            if exchange.started:
                raise
            answer = problem(WaymarkError(), request_id=exchange.request_id)
            await answer(scope, receive, exchange.send)


def _template(scope: Scope) -> str:
    """Return the path of the route that was found, with its parameters' names."""
    if "route" in scope:
        return str(scope["route"].path)
    # a plain Starlette route inside FastAPI: known by its endpoint, and ours have no parameters
    return str(scope["path"]) if "endpoint" in scope and not scope["path_params"] else NOWHERE


class _Exchange:
    """One request's id and what was answered."""

    __slots__ = ("_headers", "_send", "finished", "request_id", "started", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        sent = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
        self.request_id = name_of_request(sent.decode("latin-1"))
        self._headers = [(b"x-request-id", self.request_id.encode())]
        self._send = send
        self.started = self.finished = False
        self.status = int(HTTPStatus.INTERNAL_SERVER_ERROR)
        scope["waymark.request_id"] = self.request_id
        scope["waymark.headers"] = self._headers  # whoever adds to it adds to the answer

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        elif not message.get("more_body"):
            self.finished = True
        await self._send(message)


def name_of_request(sent: str) -> str:
    """Return the id of a request: what its client calls it, where that is fit to be one."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else uuid_utils.uuid7().hex


def request_id(request: Request) -> str:
    """Return the id that this request's answer bears."""
    return str(request.scope["waymark.request_id"])


async def on_waymark_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours."""
    if not isinstance(error, WaymarkError):
        raise error
    answer = problem(error, request_id=request_id(request))
    if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("error_without_mapping", code=error.code, request_id=request_id(request))
    return answer


async def on_crash(request: Request, _error: Exception) -> Response:
    """Answer a mistake of ours; the framework raises it again, for `Edge` to count."""
    return problem(WaymarkError(), request_id=request_id(request))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an error that the framework came up with: 404, 405 and the like."""
    if not isinstance(error, HTTPException):
        raise error
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = ", ".join(sorted(_methods(request)))
    return respond(
        HTTPStatus(error.status_code),
        code=framework_code(error.status_code),
        detail=f"{request.method} {request.url.path[:200]}: {error.detail}",
        request_id=request_id(request),
        headers=headers,
    )


async def no_such_method(_request: Request) -> Response:
    """Answer for a method that a path does not have, though a path with a parameter would."""
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)


def _methods(request: Request) -> set[str]:
    """Return what this path takes; the framework names one route's methods only."""
    routes = [
        route
        for route in request.app.routes
        if isinstance(route, Route)
        and route.endpoint is not no_such_method
        and route.matches(request.scope)[0] is not Match.NONE
    ]
    named = [route for route in routes if route.path == request.scope["path"]]
    methods = {method for route in named or routes for method in route.methods or ()}
    return methods | {"HEAD"} if "GET" in methods else methods
