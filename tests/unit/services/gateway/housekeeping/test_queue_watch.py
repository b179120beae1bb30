"""The gauges of the queues: told by whoever has the duty, and never more than there is room for."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.gateway.housekeeping.duty import Duty
from services.gateway.housekeeping.looking import STALE_SECONDS
from services.gateway.housekeeping.queue_watch import QueueWatch
from services.gateway.queues.desk import QueueLine
from services.gateway.queues.metrics import QueueMetrics
from services.gateway.tallies import MOST_QUEUES
from shared.contracts.lifecycle import State
from shared.contracts.queues import Pause, QueueTally
from shared.contracts.topology import PriorityClass
from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway
from tests.fakes.hands import HandClock

PAUSE = Pause(by="key:sre", reason="a test", at=1)


def a_line(
    name: str, *, waiting: int = 0, oldest: int | None = None, paused: bool = False
) -> QueueLine:
    tally = QueueTally(
        waiting=Counter({PriorityClass.LOW: waiting}),
        oldest=oldest,
        elsewhere=Counter({State.RUNNING: 2}),
    )
    return QueueLine(name=name, tally=tally, workers=3, paused=PAUSE if paused else None)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_the_gauges_say_what_the_lines_say() -> None:
    registry = CollectorRegistry()
    QueueMetrics(registry).tell([a_line("bulk", waiting=7, oldest=2_500, paused=True)])

    assert value(registry, "waymark_jobs_states", queue="bulk", state="queued") == 7
    assert value(registry, "waymark_jobs_states", queue="bulk", state="running") == 2
    assert value(registry, "waymark_jobs_states", queue="bulk", state="retrying") == 0
    assert value(registry, "waymark_jobs_queue_oldest_age_seconds", queue="bulk") == 2.5
    assert value(registry, "waymark_queue_workers", queue="bulk") == 3
    assert value(registry, "waymark_queue_paused", queue="bulk") == 1


def test_a_queue_that_is_gone_is_told_no_more() -> None:
    registry = CollectorRegistry()
    metrics = QueueMetrics(registry)
    metrics.tell([a_line("bulk"), a_line("default")])
    metrics.tell([a_line("default")])

    assert value(registry, "waymark_queue_paused", queue="bulk") is None
    assert value(registry, "waymark_queue_paused", queue="default") == 0


def test_queues_beyond_the_bound_are_told_together() -> None:
    registry = CollectorRegistry()
    names = [f"q{number:04}" for number in range(MOST_QUEUES + 3)]
    lines = [a_line(name, waiting=1, oldest=10_000 - int(name[1:]), paused=True) for name in names]
    QueueMetrics(registry).tell(lines)

    assert value(registry, "waymark_queue_paused", queue="(other)") == 3
    assert value(registry, "waymark_jobs_states", queue="(other)", state="queued") == 3
    eldest = value(registry, "waymark_jobs_queue_oldest_age_seconds", queue="(other)")
    assert eldest == (10_000 - MOST_QUEUES) / 1000


@pytest.mark.parametrize("away", [False, True])
async def test_the_process_with_the_duty_tells_and_counts_its_rounds(
    tmp_path: Path, away: bool
) -> None:
    gateway = FakeGateway(tmp_path)
    duty = Duty("sweeper", holder="g1", registry=gateway.registry)
    watch = QueueWatch(
        desk=gateway.desk,
        duty=duty,
        metrics=gateway.metrics,
        queues=QueueMetrics(gateway.metrics.registry),
    )
    keeping = asyncio.create_task(duty.keep())

    async def held() -> bool:
        return duty.held

    await eventually_async(held)
    gateway.pauses.away = away
    watching = asyncio.create_task(watch.watch())
    name = "waymark_housekeeping_failures_total" if away else "waymark_queue_paused"
    label = {"duty": "queues"} if away else {"queue": "bulk"}

    async def told() -> bool:
        found = value(gateway.metrics.registry, name, **label)
        return found == float(away) and found is not None

    await eventually_async(told)
    watching.cancel()
    keeping.cancel()


async def test_who_loses_the_duty_or_cannot_see_for_long_tells_nothing_any_more(
    tmp_path: Path,
) -> None:
    gateway, clock = FakeGateway(tmp_path), HandClock()
    duty = Duty("sweeper", holder="g1", registry=gateway.registry)
    watch = QueueWatch(
        desk=gateway.desk,
        duty=duty,
        metrics=gateway.metrics,
        queues=QueueMetrics(gateway.metrics.registry),
        monotonic=clock.monotonic,
    )

    async def paused() -> float | None:
        await duty._renew()
        await watch.turn()
        return value(gateway.metrics.registry, "waymark_queue_paused", queue="bulk")

    assert await paused() == 0
    gateway.pauses.away = True
    clock.now += 1.0
    assert await paused() == 0
    clock.now += STALE_SECONDS
    assert await paused() is None
    gateway.pauses.away = False
    assert await paused() == 0
    gateway.registry.leases["sweeper"] = ("g2", 3_000)
    assert await paused() is None
