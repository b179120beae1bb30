"""The publisher when its RabbitMQ is frozen, killed or blocked: said in time, bounded, mended."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.adapters.publisher_pika import PikaPublisher
from shared.contracts.errors import BrokerUnavailable
from tests.eventually import eventually_async
from tests.integration.publishing import (
    a_message,
    publishes_again,
    serve_default,
    until_in_flight,
    until_ready,
)
from tests.nodes import Rabbit

DEADLINE = 1.0
WINDOW = 3


@pytest.fixture
def node(new_rabbitmq: Callable[[], Rabbit]) -> Rabbit:
    """A RabbitMQ that may be broken."""
    return new_rabbitmq()


@pytest.fixture
async def publisher(node: Rabbit) -> AsyncIterator[PikaPublisher]:
    """A hasty publisher with few places that is ready; the queue `default` is served."""
    publisher = PikaPublisher(node.url, name="test", confirm_deadline=DEADLINE, window=WINDOW)
    await publisher.start()
    await until_ready(publisher)
    await asyncio.to_thread(serve_default, node.url)
    yield publisher
    await publisher.close()


def open_sockets() -> int:
    """Count this process's sockets."""
    return sum(descriptor.is_socket() for descriptor in Path("/proc/self/fd").iterdir())


async def test_a_frozen_broker_is_unavailable_within_the_deadline_and_then_recovers(
    node: Rabbit, publisher: PikaPublisher
) -> None:
    node.freeze()

    started = time.monotonic()
    results = await asyncio.gather(
        *(publisher.publish(a_message(f"job-{n}")) for n in range(5)), return_exceptions=True
    )

    took = time.monotonic() - started
    assert [type(result) for result in results] == [BrokerUnavailable] * 5
    assert took < DEADLINE + 0.5
    assert publisher.unconfirmed == WINDOW, "the window bounds what a frozen broker is owed"
    node.thaw()

    await publishes_again(publisher)
    assert publisher.unconfirmed == 0


async def test_a_batch_that_a_frozen_broker_swallows_is_unknown_whole_and_bounded(
    node: Rabbit, publisher: PikaPublisher
) -> None:
    node.freeze()

    started = time.monotonic()
    fates = await publisher.publish_many([(a_message(f"job-{n}"), 0) for n in range(5)])

    assert time.monotonic() - started < DEADLINE + 0.5
    assert [type(fate) for fate in fates] == [BrokerUnavailable] * 5
    assert publisher.unconfirmed == WINDOW
    node.kill()


async def test_a_broker_that_answers_nothing_any_more_keeps_no_socket_open(
    node: Rabbit, publisher: PikaPublisher
) -> None:
    before = open_sockets()
    node.freeze()

    await publisher.close()

    assert open_sockets() < before
    node.thaw()


async def test_a_killed_broker_fails_what_is_in_flight_and_is_found_again(
    node: Rabbit, publisher: PikaPublisher
) -> None:
    node.freeze()
    in_flight = asyncio.create_task(publisher.publish(a_message("in-flight")))
    await until_in_flight(publisher)

    node.kill()
    with pytest.raises(BrokerUnavailable, match="nknown outcome"):
        await in_flight

    async def is_away() -> bool:
        return not publisher.ready

    await eventually_async(is_away)
    await asyncio.to_thread(node.start)
    await until_ready(publisher)
    serve_default(node.url)  # the queue of a broker that is just back may not be ready
    await publishes_again(publisher)


async def test_a_blocked_broker_is_said_at_once(node: Rabbit, publisher: PikaPublisher) -> None:
    await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "absolute", "1")

    # The broker blocks whoever publishes, so the first one finds out for all.
    with pytest.raises(BrokerUnavailable):
        await publisher.publish(a_message("first"))
    assert not publisher.ready
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="alarm"):
        await publisher.publish(a_message("second"))

    assert time.monotonic() - started < DEADLINE / 2
    await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "0.8")
    await publishes_again(publisher)
