"""The one place where the gateway's parts are built."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
import uuid_utils

from services.gateway.access import TokenDesk
from services.gateway.app import Gateway, build_gateway
from services.gateway.audit.trail import AuditTrail
from services.gateway.catalogue import Catalogue
from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.gate import Gate
from services.gateway.housekeeping.dead_letter_queue import DeadLetterQueue
from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.household import DUTIES, Household
from services.gateway.housekeeping.queue_depths import QueueDepths
from services.gateway.keys.file import KeysFile
from services.gateway.keys.office import KeyOffice
from services.gateway.keys.ring import KeyRing
from services.gateway.metrics import Metrics
from services.gateway.parts import Limits, Parts
from services.gateway.planning import Terms
from services.gateway.queues.broker_side import BrokerSide
from services.gateway.queues.desk import QueueDesk
from services.gateway.rate.limiter import RateLimiter
from services.gateway.rate.local import LocalBuckets
from services.gateway.rate.turnstile import FAILURES, Turnstile
from services.gateway.redrive import Redriving
from services.gateway.render import Renderer
from services.gateway.settings import GatewaySettings
from services.gateway.submit import Submission
from services.gateway.tracing import Tracing
from services.gateway.waiting import Waiting
from services.gateway.webhooks.desk import WebhookDesk
from services.gateway.works import Works
from shared.adapters.feed_redis import RedisFeed
from shared.adapters.publisher_pika import PikaPublisher
from shared.adapters.store_redis import (
    AsyncRedisStore,
    RedisAudit,
    RedisBuckets,
    RedisKeyBook,
    RedisPauses,
    RedisRegistry,
    StoreKeeping,
)
from shared.runtime.metrics.process import build_registry
from shared.runtime.metrics.spans import tell_of_spans
from shared.runtime.store_pulse import StorePulse
from shared.runtime.tracing.exporting import SpanExport
from shared.runtime.tracing.spans import OFF, Tracer
from shared.runtime.tracing.starting import make_export
from shared.runtime.watchdog import Watchdog
from shared.stream.switchboard import Switchboard

# Together below the 3 s within which an outage is answered.
STORE_SECONDS: Final = 1.0
CONFIRM_SECONDS: Final = 1.5
DEPTHS_SECONDS: Final = 1.2

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _World:
    """What connects to something."""

    store: AsyncRedisStore
    keeping: StoreKeeping
    registry: RedisRegistry
    audit: RedisAudit
    key_book: RedisKeyBook
    buckets: RedisBuckets
    publisher: PikaPublisher
    deliveries: DeadLetterQueue
    depths: QueueDepths
    pauses: RedisPauses
    broker_side: BrokerSide
    feed: RedisFeed
    switchboard: Switchboard
    spans: SpanExport | None


def build(settings: GatewaySettings) -> Gateway:
    """Return the gateway; it connects to nothing before it is started."""
    identity = f"gateway-{socket.gethostname()}-{os.getpid()}-{uuid_utils.uuid4().hex[:8]}"
    world = _world(settings, identity)
    metrics = Metrics(
        build_registry("gateway", version=settings.version, revision=settings.revision)
    )
    letters = LetterMetrics(metrics.registry)
    ring = KeyRing(KeysFile(settings.keys_file), world.key_book, now_ms=_now_ms)
    catalogue = Catalogue(registry=world.registry, heard=metrics.expect)
    audit = AuditTrail(world.audit, registry=metrics.registry, now_ms=_now_ms)
    pulse = StorePulse(world.store.ping)
    metrics.watch_store(lambda: world.keeping.evicting)
    tell_of_spans(metrics.registry, world.spans)
    duties = [Duty(name, holder=identity, registry=world.registry) for name in DUTIES]
    parts = _parts(
        settings,
        world,
        catalogue=catalogue,
        ring=ring,
        metrics=metrics,
        letters=letters,
        audit=audit,
    )
    household = Household(
        settings=settings,
        store=world.store,
        publisher=world.publisher,
        registry=world.registry,
        deliveries=world.deliveries,
        depths=world.depths,
        catalogue=catalogue,
        metrics=metrics,
        letters=letters,
        queues=parts.queues,
    )
    follows = [catalogue.follow, pulse.follow, world.keeping.follow, audit.follow, ring.follow]
    works = Works([*follows, *household.works(duties)], metrics=metrics)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with _running(world, duties, works, watchdog_seconds=settings.watchdog_seconds):
            log.info("gateway_started", identity=identity)
            yield
        log.info("gateway_stopped")

    return build_gateway(
        parts,
        ready={
            "store": lambda: pulse.complaint,
            "eviction": lambda: world.keeping.complaint,
            "broker": lambda: _of_the_broker(world.publisher.complaint),
            "catalogue": lambda: catalogue.complaint,
            "keys": lambda: ring.complaint,
        },
        origins=settings.allowed_origins,
        lifespan=lifespan,
    )


def _of_the_broker(complaint: str | None) -> str | None:
    return complaint and f"RabbitMQ is away or blocked: {complaint}"


def _world(settings: GatewaySettings, identity: str) -> _World:
    redis_url = settings.redis_url.get_secret_value()
    amqp_url = settings.amqp_url.get_secret_value()
    store = AsyncRedisStore(redis_url, deadline=STORE_SECONDS)
    feed = RedisFeed(redis_url)
    return _World(
        store=store,
        keeping=StoreKeeping(store.keeping),
        registry=RedisRegistry(redis_url, deadline=STORE_SECONDS),
        audit=RedisAudit(redis_url, deadline=STORE_SECONDS),
        key_book=RedisKeyBook(redis_url, deadline=STORE_SECONDS),
        buckets=RedisBuckets(redis_url, deadline=STORE_SECONDS),
        publisher=PikaPublisher(
            amqp_url,
            name=identity,
            house=settings.house_topology,
            confirm_deadline=CONFIRM_SECONDS,
        ),
        deliveries=DeadLetterQueue(
            amqp_url, name=f"{identity}-archivist", house=settings.house_topology
        ),
        depths=QueueDepths(amqp_url, name=f"{identity}-overdue"),
        pauses=RedisPauses(redis_url, deadline=STORE_SECONDS),
        broker_side=BrokerSide(
            QueueDepths(amqp_url, name=f"{identity}-queues", deadline=DEPTHS_SECONDS)
        ),
        feed=feed,
        switchboard=Switchboard(store, feed),
        spans=make_export(settings, service="gateway", version=settings.version, instance=identity),
    )


def _parts(
    settings: GatewaySettings,
    world: _World,
    *,
    catalogue: Catalogue,
    ring: KeyRing,
    metrics: Metrics,
    letters: LetterMetrics,
    audit: AuditTrail,
) -> Parts:
    secret = settings.token_secret.get_secret_value()
    tracing = _tracing(settings, world.spans)
    stream_url = settings.public_stream_url
    return Parts(
        gate=Gate(
            ring=ring,
            token_secret=secret,
            turnstile=_turnstile(settings, world),
            metrics=metrics,
            now_ms=_now_ms,
        ),
        store=world.store,
        submission=Submission(
            store=world.store,
            publisher=world.publisher,
            catalogue=catalogue,
            metrics=metrics,
            tracing=tracing,
            evicting=lambda: world.keeping.evicting,
            terms=Terms(
                retention=round(settings.retention_seconds * 1000),
                max_live_jobs=settings.max_live_jobs or None,
            ),
        ),
        redriving=Redriving(store=world.store, publisher=world.publisher, metrics=letters),
        waiting=Waiting(switchboard=world.switchboard, store=world.store),
        audit=audit,
        audit_log=world.audit,
        keys=KeyOffice(world.key_book, ring, now_ms=_now_ms),
        catalogue=catalogue,
        queues=QueueDesk(
            store=world.store,
            registry=world.registry,
            pauses=world.pauses,
            catalogue=catalogue,
            broker=world.broker_side,
        ),
        renderer=Renderer(settings.base_url, stream_url),
        desk=TokenDesk(secret, stream_url),
        webhooks=WebhookDesk(settings),
        metrics=metrics,
        tracing=tracing,
        limits=Limits(
            body=settings.body_limit,
            bulk_body=settings.bulk_body_limit,
            payload=settings.payload_limit,
            labels=settings.max_labels,
            concurrent_requests=settings.max_concurrent_requests,
        ),
    )


def _tracing(settings: GatewaySettings, spans: SpanExport | None) -> Tracing:
    return Tracing(OFF if spans is None else Tracer(spans.take), ratio=settings.trace_ratio)


def _turnstile(settings: GatewaySettings, world: _World) -> Turnstile:
    rate, token_rate = settings.tenant_rate, settings.token_rate
    return Turnstile(
        tenants=RateLimiter(world.buckets, rate, policy="tenant") if rate else None,
        pages=RateLimiter(world.buckets, rate, policy="pages") if rate else None,
        tokens=LocalBuckets(token_rate) if token_rate else None,
        failures=LocalBuckets(FAILURES),
    )


@asynccontextmanager
async def _running(
    world: _World, duties: Sequence[Duty], works: Works, *, watchdog_seconds: float
) -> AsyncIterator[None]:
    """Start everything; on the way out stop the work, give the duties away, hang up."""
    async with AsyncExitStack() as house:
        if world.spans is not None:
            world.spans.start()
            house.push_async_callback(asyncio.to_thread, world.spans.close)
        house.push_async_callback(world.store.close)
        house.push_async_callback(world.registry.close)
        house.push_async_callback(world.pauses.close)
        house.push_async_callback(world.broker_side.close)
        house.push_async_callback(world.audit.close)
        house.push_async_callback(world.key_book.close)
        house.push_async_callback(world.buckets.close)
        await world.publisher.start()
        house.push_async_callback(world.publisher.close)
        await world.feed.start()
        house.push_async_callback(world.feed.close)
        await world.switchboard.start()
        house.push_async_callback(world.switchboard.close)
        for duty in duties:
            house.push_async_callback(duty.release)
        works.start()
        house.push_async_callback(works.stop)
        watchdog = Watchdog(asyncio.get_running_loop(), limit_seconds=watchdog_seconds)
        watchdog.start()
        house.callback(watchdog.stop)
        yield


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
