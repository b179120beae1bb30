"""The notifier put together; the only module that knows which adapters it runs on."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from services.notifier.app import build_app
from services.notifier.bounds import Bounds
from services.notifier.hub import Hub
from services.notifier.metrics import build_registry
from services.notifier.rules import Admission, Rules
from services.notifier.settings import NotifierSettings
from shared.adapters.feed_redis import RedisFeed
from shared.adapters.store_redis import AsyncRedisStore
from shared.contracts.tokens import verify
from shared.runtime import probes
from shared.runtime.store_pulse import StorePulse
from shared.runtime.watchdog import Watchdog


def wire(settings: NotifierSettings) -> Starlette:
    """Return the app; it connects to nothing before its lifespan begins."""
    # websockets tells of each closed connection at INFO.
    logging.getLogger("websockets.server").setLevel(logging.WARNING)
    parts = _Parts(settings)
    routes = probes.routes(
        live={},
        ready={"feed": parts.feed_fault, "store": lambda: parts.pulse.complaint},
        registry=build_registry(lambda: parts.hub, lambda: parts.feed.reconnects),
    )
    return build_app(parts.open_hub, list(routes))


class _Parts:
    def __init__(self, settings: NotifierSettings) -> None:
        redis_url = settings.redis_url.get_secret_value()
        self.feed = RedisFeed(redis_url)
        self.store = AsyncRedisStore(redis_url)
        self.pulse = StorePulse(self.store.ping)
        self.hub: Hub | None = None
        self._settings = settings

    def feed_fault(self) -> str | None:
        return None if self.feed.ready else "Redis pub/sub is not connected"

    @asynccontextmanager
    async def open_hub(self) -> AsyncIterator[Hub]:
        self.hub = Hub(
            self.store,
            self.feed,
            admit=self._admit,
            rules=_rules(self._settings),
            bounds=Bounds(),
            origins=self._settings.allowed_origins,
        )
        watchdog = Watchdog(
            asyncio.get_running_loop(), limit_seconds=self._settings.watchdog_seconds
        )
        await self.feed.start()
        await self.hub.start()
        asking = asyncio.create_task(self.pulse.follow(), name="store-pulse")
        watchdog.start()
        try:
            yield self.hub
        finally:
            watchdog.stop()
            asking.cancel()
            await self.hub.close()
            await self.feed.close()
            await self.store.close()

    def _admit(self, token: str) -> Admission:
        now = time.time()
        secret = self._settings.token_secret.get_secret_value()
        grant = verify(token, secret=secret, now=int(now))
        return Admission(grant, seconds=grant.expires_at - now)


def _rules(settings: NotifierSettings) -> Rules:
    return Rules(
        ping_every=settings.ping_seconds,
        heard_within=settings.heard_seconds,
        max_subscriptions=settings.max_subscriptions,
    )
