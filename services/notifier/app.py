"""The HTTP side: probes and metrics, and the hub's life. The stream itself is `protocol.py`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from services.notifier.hub import Hub


def build_app(
    open_hub: Callable[[], AbstractAsyncContextManager[Hub]], routes: list[BaseRoute]
) -> Starlette:
    """Return the app; its lifespan opens the hub and hands it to each connection as `hub`."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Hub]]:
        async with open_hub() as hub:
            yield {"hub": hub}

    return Starlette(routes=routes, lifespan=lifespan)
