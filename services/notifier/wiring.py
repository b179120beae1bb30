"""The notifier put together; the only module that knows which adapters it runs on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from starlette.applications import Starlette

from services.notifier.app import build_app
from services.notifier.bounds import Bounds
from services.notifier.crowd import Limits
from services.notifier.door import Threshold
from services.notifier.draining import Haste
from services.notifier.hub import Hub
from services.notifier.metrics import NotifierCollector
from services.notifier.revocations import Revocations
from services.notifier.rules import Admission, Rules
from services.notifier.settings import NotifierSettings
from shared.adapters.feed_redis import RedisFeed
from shared.adapters.store_redis import AsyncRedisStore, RedisKeyBook
from shared.contracts.errors import RevokedToken
from shared.contracts.tokens import verify
from shared.runtime import probes
from shared.runtime.metrics.process import build_registry
from shared.runtime.serving import Drain
from shared.runtime.store_pulse import StorePulse
from shared.runtime.watchdog import Watchdog

_BOOK_SECONDS: Final = 2.0  # in which the book of keys answers, or Redis counts as away


class Notifier(NamedTuple):
    """What is served, and how its clients are seen off."""

    app: Starlette
    drain: Drain


def wire(settings: NotifierSettings) -> Notifier:
    """Return the notifier; it connects to nothing before its lifespan begins."""
    parts = _Parts(settings)
    registry = build_registry("notifier", version=settings.version, revision=settings.revision)
    registry.register(NotifierCollector(lambda: parts.hub, lambda: parts.feed.reconnects))
    routes = probes.routes(
        live={},
        ready={
            "serving": parts.drain_complaint,
            "feed": parts.feed_fault,
            "store": lambda: parts.pulse.complaint,
        },
        registry=registry,
    )
    return Notifier(build_app(parts.open_hub, list(routes)), parts.drain)


class _Parts:
    def __init__(self, settings: NotifierSettings) -> None:
        redis_url = settings.redis_url.get_secret_value()
        self.feed = RedisFeed(redis_url)
        self.store = AsyncRedisStore(redis_url)
        self.pulse = StorePulse(self.store.ping)
        self.hub: Hub | None = None
        self._settings = settings
        self._book = RedisKeyBook(redis_url, deadline=_BOOK_SECONDS)
        self._revocations = Revocations(self._book, self._revoke)

    async def drain(self, hurried: Callable[[], bool]) -> None:
        if self.hub is not None:
            await self.hub.drain.run(hurried)

    def drain_complaint(self) -> str | None:
        return self.hub.drain.complaint if self.hub is not None else "not started yet"

    def feed_fault(self) -> str | None:
        return None if self.feed.ready else "Redis pub/sub is not connected"

    @asynccontextmanager
    async def open_hub(self) -> AsyncIterator[Hub]:
        self.hub = Hub(
            self.store,
            self.feed,
            admit=self._admit,
            rules=_rules(self._settings),
            bounds=_bounds(self._settings),
            origins=self._settings.allowed_origins,
            threshold=_threshold(self._settings),
            haste=_haste(self._settings),
        )
        watchdog = Watchdog(
            asyncio.get_running_loop(), limit_seconds=self._settings.watchdog_seconds
        )
        await self.feed.start()
        await self.hub.start()
        tasks = [
            asyncio.create_task(self.pulse.follow(), name="store-pulse"),
            asyncio.create_task(self._revocations.follow(), name="revocations"),
        ]
        watchdog.start()
        try:
            yield self.hub
        finally:
            watchdog.stop()
            for task in tasks:
                task.cancel()
            await self.hub.close()
            await self.feed.close()
            await self.store.close()
            await self._book.close()

    def _admit(self, token: str) -> Admission:
        now = time.time()
        secret = self._settings.token_secret.get_secret_value()
        grant = verify(token, secret=secret, now=int(now))
        if self._revocations.is_revoked(grant.key):
            raise RevokedToken
        return Admission(grant, seconds=grant.expires_at - now)

    def _revoke(self, keys: Collection[str]) -> None:
        if self.hub is not None:
            self.hub.revoke(keys)


def _rules(settings: NotifierSettings) -> Rules:
    return Rules(
        hello_within=settings.hello_seconds,
        ping_every=settings.ping_seconds,
        heard_within=settings.heard_seconds,
        idle_within=settings.idle_seconds,
        max_age=settings.max_age_seconds,
        token_grace=settings.token_grace_seconds,
        messages_per_second=settings.message_rate,
        message_burst=settings.message_burst,
        max_subscriptions=settings.max_subscriptions,
    )


def _bounds(settings: NotifierSettings) -> Bounds:
    return Bounds(first_message=settings.hello_limit, message=settings.message_limit)


def _threshold(settings: NotifierSettings) -> Threshold:
    return Threshold(
        limits=Limits(
            in_all=settings.max_streams,
            of_tenant=settings.max_tenant_streams,
            of_token=settings.max_token_streams,
            of_address=settings.max_address_streams,
        ),
        per_second=settings.accept_rate,
        burst=settings.newcomers_at_once,
        proxies=settings.known_proxies,
    )


def _haste(settings: NotifierSettings) -> Haste:
    return Haste(
        total=settings.drain_seconds,
        lead=settings.drain_lead_seconds,
        stay=settings.drain_stay_seconds,
    )
