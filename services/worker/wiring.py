"""Builds a worker out of its parts; the only place here that makes adapters."""

import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.worker.announce import Announcer
from services.worker.attempts.attempt import running_job
from services.worker.attempts.claiming import Claims, Identity
from services.worker.attempts.settling import Settlements
from services.worker.attempts.stubborn import Stubborn
from services.worker.attempts.tracing import Traces
from services.worker.attempts.unknown import TypeWatch, UnknownTypes
from services.worker.broker import WaymarkBroker
from services.worker.execute import Executor, Tools
from services.worker.heartbeat import Pulse
from services.worker.house.crew import Crew
from services.worker.house.loop import HouseLoop, LoopPublisher
from services.worker.house.nudges import Nudges
from services.worker.house.process import House
from services.worker.house.residents import RESIDENTS, Households, Residents
from services.worker.intake.gate import Intake
from services.worker.intake.long_jobs import LongJobs
from services.worker.intake.pauses import PauseWatch
from services.worker.isolation import SlotsAndThreads
from services.worker.metrics import WorkerMetrics
from services.worker.settings import WorkerSettings
from services.worker.slots.client import SlotsUnavailable, ZygoteSlots
from services.worker.slots.loading import JobModulesError, load
from services.worker.slots.terms import Slots
from services.worker.threads.pool import ThreadSlots
from shared.adapters.publisher_pika import PikaPublisher
from shared.adapters.store_redis import (
    AsyncRedisStore,
    RedisPauses,
    RedisRegistry,
    RedisStore,
    StoreKeeping,
)
from shared.contracts.catalog import CatalogEntry, WorkerCard
from shared.runtime.metrics.process import build_registry
from shared.runtime.metrics.spans import tell_of_spans
from shared.runtime.tracing.exporting import SpanExport
from shared.runtime.tracing.spans import OFF, Tracer
from shared.runtime.tracing.starting import make_export

_MS: Final = 1000


def make_slots(settings: WorkerSettings) -> Slots:
    """Start the zygote and load the job types; before any thread is started.

    This process imports the job modules only when there is a type that runs in its threads.

    Raises:
        SystemExit: status 1 with one line on stderr; a job module cannot be loaded.
    """
    lease = settings.lease_ms / _MS
    try:
        slots = ZygoteSlots(settings.jobs, lease=lease, log_level=settings.log_level)
        threads = [entry for entry in slots.catalogue() if entry.isolation == "thread"]
        if not threads:
            return slots
        load(settings.jobs)
        return SlotsAndThreads(slots, ThreadSlots(threads, lease=lease))
    except (JobModulesError, SlotsUnavailable) as fault:
        sys.exit(f"waymark: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What every other part stands on."""

    settings: WorkerSettings
    slots: Slots
    entries: list[CatalogEntry]
    queues: tuple[str, ...]
    card: WorkerCard
    metrics: WorkerMetrics
    intake: Intake
    broken: threading.Event
    loop: HouseLoop
    store: RedisStore
    aio_store: AsyncRedisStore
    keeping: StoreKeeping
    registry: RedisRegistry
    pauses: RedisPauses
    publisher: PikaPublisher
    types: TypeWatch
    spans: SpanExport | None


def build(settings: WorkerSettings, slots: Slots) -> House:
    """Return the worker, not yet started.

    Raises:
        SystemExit: status 1 with one line on stderr; the loaded types cannot be served.
    """
    ground = _ground(settings, slots)
    publisher = LoopPublisher(ground.publisher, ground.loop, ground.metrics.publishing)
    stubborn = Stubborn(ground.store, publisher, ground.intake)
    identity = Identity(worker=ground.card.id, lease_ms=settings.lease_ms)
    claims = Claims(stubborn, ground.intake, identity, ground.metrics, monotonic=time.monotonic)
    pulse = Pulse(
        ground.aio_store,
        slots,
        claims.renewal,
        ground.metrics,
        freezes_at=claims.freezes_at,
        interval=settings.heartbeat_ms / _MS,
        default_grace=settings.cancel_grace_seconds,
        monotonic=time.monotonic,
    )
    crew = _crew(ground, _executor(ground, stubborn, claims, pulse))
    return House(
        settings=settings,
        crew=crew,
        slots=slots,
        intake=ground.intake,
        loop=ground.loop,
        residents=_residents(ground, pulse, crew),
        pulse=pulse,
        store=ground.store,
        eviction=lambda: ground.keeping.complaint,
        metrics=ground.metrics,
        spans=ground.spans,
    )


def _ground(settings: WorkerSettings, slots: Slots) -> _Ground:
    entries = _servable(slots)
    queues = settings.queues or tuple(sorted({entry.queue for entry in entries}))
    card = _card(settings, entries, queues)
    metrics = WorkerMetrics(
        build_registry("worker", version=settings.version, revision=settings.revision)
    )
    metrics.expect(entries, queues=queues, residents=RESIDENTS)
    metrics.occupancy.slots = settings.slots
    spans = make_export(settings, service="worker", version=settings.version, instance=card.id)
    tell_of_spans(metrics.registry, spans)
    redis_url = settings.redis_url.get_secret_value()
    aio_store = AsyncRedisStore(redis_url)
    keeping = StoreKeeping(aio_store.keeping)
    metrics.watch_store(lambda: keeping.evicting)
    return _Ground(
        settings=settings,
        slots=slots,
        entries=entries,
        queues=queues,
        card=card,
        metrics=metrics,
        intake=Intake(),
        broken=threading.Event(),
        loop=HouseLoop(),
        store=RedisStore(redis_url),
        aio_store=aio_store,
        keeping=keeping,
        registry=RedisRegistry(redis_url),
        pauses=RedisPauses(redis_url),
        publisher=PikaPublisher(
            settings.amqp_url.get_secret_value(),
            name=f"waymark worker {card.id} publishing",
            house=settings.house_topology,
        ),
        types=TypeWatch(gone_after=settings.unknown_type_seconds, monotonic=time.monotonic),
        spans=spans,
    )


def _executor(ground: _Ground, stubborn: Stubborn, claims: Claims, pulse: Pulse) -> Executor:
    return Executor(
        Tools(
            store=ground.store,
            stubborn=stubborn,
            slots=ground.slots,
            heartbeats=pulse,
            claims=claims,
            settlements=Settlements(stubborn, claims, ground.intake),
            unknown=UnknownTypes(stubborn, claims, ground.types, ground.metrics),
            intake=ground.intake,
            broken=ground.broken,
            metrics=ground.metrics,
            traces=Traces(Tracer(ground.spans.take) if ground.spans else OFF),
            types={entry.type: entry for entry in ground.entries},
            monotonic=time.monotonic,
        )
    )


def _crew(ground: _Ground, executor: Executor) -> Crew:
    broker = WaymarkBroker(
        ground.settings.amqp_url.get_secret_value(),
        name=f"waymark worker {ground.card.id}",
        intake=ground.intake,
        metrics=ground.metrics,
        long_jobs=LongJobs(ground.entries, node_seconds=ground.settings.consumer_timeout_seconds),
        house=ground.settings.house_topology,
    )
    for queue in ground.queues:
        broker.serve(queue)
    return Crew(broker, executor, slots=ground.settings.slots, broken=ground.broken)


def _residents(ground: _Ground, pulse: Pulse, crew: Crew) -> Residents:
    settings = ground.settings
    announcer = Announcer(
        ground.registry,
        ground.card,
        ground.entries,
        ground.types,
        ground.intake,
        running=lambda: [running_job(attempt) for attempt in pulse.attempts],
        held=lambda: crew.held,
    )
    return Residents(
        Households(
            publisher=ground.publisher,
            store=ground.aio_store,
            keeping=ground.keeping,
            registry=ground.registry,
            pulse=pulse,
            announcer=announcer,
            pauses=PauseWatch(ground.pauses, ground.intake),
            pause_board=ground.pauses,
            nudges=Nudges(settings.redis_url.get_secret_value(), ground.card.id, pulse.nudge),
            intake=ground.intake,
        ),
        watchdog_seconds=settings.watchdog_seconds,
        broke=lambda name: _give_up(ground, name),
    )


def _give_up(ground: _Ground, resident: str) -> None:
    ground.metrics.faults.labels(resident).inc()
    ground.broken.set()


def _servable(slots: Slots) -> list[CatalogEntry]:
    entries = list(slots.catalogue())
    if not entries:
        sys.exit("waymark: no job type is loaded: name a module in WAYMARK_JOBS")
    return entries


def _card(
    settings: WorkerSettings, entries: Sequence[CatalogEntry], queues: tuple[str, ...]
) -> WorkerCard:
    host, pid = socket.gethostname(), os.getpid()
    return WorkerCard(
        id=f"{host}-{pid}-{secrets.token_hex(3)}",
        host=host,
        pid=pid,
        slots=settings.slots,
        busy=0,
        queues=queues,
        types=tuple(entry.type for entry in entries),
        started_at=time.time_ns() // 1_000_000,
        version=settings.version,
    )
