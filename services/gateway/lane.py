"""The calls that services make most go past the framework, straight to their endpoint.

FastAPI and Starlette wrap each endpoint in eight layers: for a submit they cost as much as the
submit. What those layers do for us, `Edge` does too, or is done here: errors become problems, and
headers are read. Their routes stay in the app, for its description and for every other method.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.edge import on_waymark_error
from shared.contracts.errors import WaymarkError

Endpoint = Callable[[Request], Awaitable[Response]]


class Lane:
    """Answers POST requests for the paths it knows; everything else goes to the app."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        """Keep both; `endpoints` by path."""
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = None
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["endpoint"], scope["path_params"] = endpoint, {}  # for `Edge` to name the route
        request = _Call(scope, receive)
        try:
            answer = await endpoint(request)
        except WaymarkError as error:
            answer = await on_waymark_error(request, error)
        await answer(scope, receive, send)


class _Call(Request):
    @property
    def headers(self) -> Headers:
        if not hasattr(self, "_headers"):
            self._headers = _Read(self.scope["headers"])
        return self._headers


class _Read(Headers):
    """The headers of a request, decoded once; Starlette reads them all for each question."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        # of a header that comes twice the first counts, as everywhere
        self._known = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in reversed(raw)
        }

    def __getitem__(self, key: str) -> str:
        return self._known[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._known

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as in Mapping
        return self._known.get(key.lower(), default)
