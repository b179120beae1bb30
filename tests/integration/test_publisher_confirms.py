"""The publisher against a real RabbitMQ: what is confirmed is there, what is not is said."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shared.adapters.publisher_pika import PikaPublisher
from shared.contracts import topology
from shared.contracts.commands import SCHEMA, RunJob, RunJobOptions
from shared.contracts.errors import BrokerUnavailable, Unroutable
from tests.eventually import eventually_async
from tests.integration.broker_reader import Reader
from tests.nodes import Rabbit

PATIENT = 15.0  # where the deadline is not the point: the machine is shared
DEADLINE = 1.0
TIMELY_MS = 50
WINDOW = 2000


def a_message(job: str = "job-1", queue: str = "default", priority: int = 5) -> RunJob:
    """Return a message for a job of a queue."""
    options = RunJobOptions(
        schema=SCHEMA,
        tenant="acme",
        dispatch=1,
        queue=queue,
        priority=priority,
        type_version=1,
        recorded_at=1,
        max_attempts=3,
    )
    return RunJob(job=job, type="demo.steps", payload='{"steps": 3}', options=options)


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[PikaPublisher]:
    """A publisher that is ready, on this test's own virtual host."""
    publisher = PikaPublisher(amqp_url, name="test", confirm_deadline=PATIENT, window=WINDOW)
    await publisher.start()
    await until_ready(publisher)
    yield publisher
    await publisher.close()


def serve_default(url: str) -> None:
    """Declare the queue `default` and leave."""
    reader = Reader(url)
    reader.serve("default")
    reader.close()


def open_sockets() -> int:
    """Count this process's sockets."""
    return sum(descriptor.is_socket() for descriptor in Path("/proc/self/fd").iterdir())


async def until_ready(publisher: PikaPublisher, within: float = 30.0) -> None:
    """Wait until the publisher says that it could publish."""

    async def is_ready() -> bool:
        return publisher.ready

    await eventually_async(is_ready, within=within)


async def publishes_again(publisher: PikaPublisher) -> None:
    """Wait until a publish is confirmed."""

    async def is_confirmed() -> bool:
        try:
            await publisher.publish(a_message("after"))
        except BrokerUnavailable:
            return False
        return True

    await eventually_async(is_confirmed, within=30)


async def until_in_flight(publisher: PikaPublisher) -> None:
    """Wait until the publisher has sent something that is not answered for."""

    async def is_owed() -> bool:
        return publisher.unconfirmed > 0

    await eventually_async(is_owed)


@pytest.fixture
def reader(publisher: PikaPublisher, amqp_url: str) -> Iterator[Reader]:
    """A worker's view of that virtual host; it serves the queue `default`."""
    del publisher  # it declares what the queues hang on
    reader = Reader(amqp_url)
    reader.serve("default")
    yield reader
    reader.close()


async def test_a_confirmed_message_is_in_its_work_queue(
    publisher: PikaPublisher, reader: Reader
) -> None:
    await publisher.publish(a_message("job-7", priority=9))

    ((_, properties, body),) = reader.read("waymark.default.high", 1)
    assert RunJob.decode(body) == a_message("job-7", priority=9)
    assert json.loads(body)["queue_name"] == "waymark.default.high"
    assert properties.message_id == "job-7"
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/json"
    assert (properties.priority, properties.expiration, properties.headers) == (None, None, None)


async def test_a_queue_that_nobody_declared_is_unroutable(
    publisher: PikaPublisher, reader: Reader
) -> None:
    results = await asyncio.gather(
        publisher.publish(a_message("same-job", queue="default")),
        publisher.publish(a_message("same-job", queue="nowhere")),
        publisher.publish(a_message("same-job", queue="default")),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [type(None), Unroutable, type(None)]
    assert len(reader.read("waymark.default", 2)) == 2
    assert publisher.unconfirmed == 0


async def test_each_message_of_a_batch_gets_the_answer_that_was_meant_for_it(
    publisher: PikaPublisher, reader: Reader
) -> None:
    where = ["default" if n % 3 else "nowhere" for n in range(2 * WINDOW)]
    wanted = [(a_message(f"job-{n}", queue=queue), 0) for n, queue in enumerate(where)]
    late = (a_message("late"), 250)

    fates = await publisher.publish_many([*wanted, late])

    faults = [type(None) if queue == "default" else Unroutable for queue in where]
    assert [type(fate) for fate in fates] == [*faults, type(None)]
    there = [f"job-{n}" for n, queue in enumerate(where) if queue == "default"]
    read = reader.read("waymark.default", len(there) + 1)
    assert [properties.message_id for _, properties, _ in read] == [*there, "late"]
    assert publisher.unconfirmed == 0


async def test_a_message_larger_than_a_frame_arrives_whole(
    publisher: PikaPublisher, reader: Reader
) -> None:
    large = RunJob(
        job="large",
        type="demo.steps",
        payload='{"x": "' + "é" * 400_000 + '"}',
        options=a_message().options,
    )

    assert await publisher.publish_many([(large, 0), (a_message("next"), 0)]) == [None, None]

    bodies = [body for _, _, body in reader.read("waymark.default", 2)]
    assert RunJob.decode(bodies[0]) == large


@pytest.mark.parametrize("delay_ms", [250, 500, 1000, 3000])
async def test_the_ladder_delivers_after_its_delay(
    publisher: PikaPublisher, reader: Reader, delay_ms: int
) -> None:
    reading = asyncio.create_task(asyncio.to_thread(reader.read, "waymark.default", 5))

    sent = []
    for n in range(5):
        before = time.monotonic()
        await publisher.publish_later(a_message(f"job-{n}"), delay_ms=delay_ms)
        sent.append((before, time.monotonic()))

    arrivals = await reading
    times = [
        ((arrived - after) * 1000, (arrived - before) * 1000)
        for (before, after), (arrived, _, _) in zip(sent, arrivals, strict=True)
    ]
    assert all(at_most >= delay_ms for _, at_most in times), "none comes early"
    # The best of five: the machine that runs the tests may be late, the ladder not.
    assert min(at_least for at_least, _ in times) < delay_ms + TIMELY_MS, times
    assert all(json.loads(body)["queue_name"] == "waymark.default" for _, _, body in arrivals)


async def test_an_unbound_destination_on_the_ladder_ends_in_the_dead_letters(
    publisher: PikaPublisher, reader: Reader
) -> None:
    await publisher.publish_later(a_message("job-3", queue="nowhere"), delay_ms=250)
    await publisher.publish_later(a_message("job-4"), delay_ms=250)

    assert len(reader.read("waymark.default", 1)) == 1
    ((_, properties, _),) = reader.read(topology.DEAD_LETTER_QUEUE, 1)
    assert properties.message_id == "job-3"


async def test_a_cancelled_publish_costs_the_others_nothing(
    publisher: PikaPublisher, reader: Reader
) -> None:
    tasks = [asyncio.create_task(publisher.publish(a_message(f"job-{n}"))) for n in range(50)]
    await asyncio.sleep(0)  # one turn of the loop: all are sent, none can be answered yet
    assert publisher.unconfirmed == 50
    for task in tasks[::2]:
        task.cancel()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(result is None for result in results[1::2])
    arrived = {properties.message_id for _, properties, _ in reader.read("waymark.default", 50, 1)}
    assert arrived >= {f"job-{n}" for n in range(1, 50, 2)}

    async def all_answered() -> bool:
        return publisher.unconfirmed == 0

    await eventually_async(all_answered)


async def test_no_broker_is_said_at_once(unused_tcp_port: int) -> None:
    publisher = PikaPublisher(f"amqp://127.0.0.1:{unused_tcp_port}", name="test")
    await publisher.start()

    started = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        await publisher.publish(a_message())

    assert time.monotonic() - started < 0.5
    assert not publisher.ready
    await publisher.close()


async def test_a_topology_that_was_declared_otherwise_is_refused_loudly(
    amqp_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = Reader(amqp_url)
    reader.channel.queue_declare("waymark.delay.3", durable=True)
    publisher = PikaPublisher(amqp_url, name="test")
    await publisher.start()

    said = ""

    async def refused() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "topology_refused" in said and "waymark.delay.3" in said

    await eventually_async(refused, within=15)
    assert not publisher.ready
    reader.channel.queue_delete("waymark.delay.3")
    reader.close()
    await until_ready(publisher)
    await publisher.close()


async def test_five_thousand_publishes_are_pipelined_and_all_confirmed(
    publisher: PikaPublisher, reader: Reader, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    tasks = [asyncio.create_task(publisher.publish(a_message(f"job-{n}"))) for n in range(5000)]
    await asyncio.sleep(0)  # one turn of the loop: as many are sent as the window lets through
    assert publisher.unconfirmed == WINDOW
    await asyncio.gather(*tasks)

    record_property("pipelined_per_second", round(5000 / (time.monotonic() - started)))
    assert len(reader.read("waymark.default", 5000)) == 5000


class TestBrokerTrouble:
    """These break a RabbitMQ of their own."""

    async def test_a_frozen_broker_is_unavailable_within_the_deadline_and_then_recovers(
        self, new_rabbitmq: Callable[[], Rabbit]
    ) -> None:
        node = new_rabbitmq()
        publisher = PikaPublisher(node.url, name="test", confirm_deadline=DEADLINE, window=3)
        await publisher.start()
        await until_ready(publisher)
        serve_default(node.url)
        node.freeze()

        started = time.monotonic()
        results = await asyncio.gather(
            *(publisher.publish(a_message(f"job-{n}")) for n in range(5)), return_exceptions=True
        )

        took = time.monotonic() - started
        assert [type(result) for result in results] == [BrokerUnavailable] * 5
        assert took < DEADLINE + 0.5
        assert publisher.unconfirmed == 3, "the window bounds what a frozen broker is owed"
        node.thaw()

        await publishes_again(publisher)
        assert publisher.unconfirmed == 0
        await publisher.close()

    async def test_a_batch_that_a_frozen_broker_swallows_is_unknown_whole_and_bounded(
        self, new_rabbitmq: Callable[[], Rabbit]
    ) -> None:
        node = new_rabbitmq()
        publisher = PikaPublisher(node.url, name="test", confirm_deadline=DEADLINE, window=3)
        await publisher.start()
        await until_ready(publisher)
        serve_default(node.url)
        node.freeze()

        started = time.monotonic()
        fates = await publisher.publish_many([(a_message(f"job-{n}"), 0) for n in range(5)])

        assert time.monotonic() - started < DEADLINE + 0.5
        assert [type(fate) for fate in fates] == [BrokerUnavailable] * 5
        assert publisher.unconfirmed == 3
        node.kill()
        await publisher.close()

    async def test_a_broker_that_answers_nothing_any_more_keeps_no_socket_open(
        self, new_rabbitmq: Callable[[], Rabbit]
    ) -> None:
        node = new_rabbitmq()
        publisher = PikaPublisher(node.url, name="test", confirm_deadline=DEADLINE)
        await publisher.start()
        await until_ready(publisher)
        before = open_sockets()
        node.freeze()
        await publisher.close()
        assert open_sockets() < before
        node.thaw()

    async def test_a_killed_broker_fails_what_is_in_flight_and_is_found_again(
        self, new_rabbitmq: Callable[[], Rabbit]
    ) -> None:
        node = new_rabbitmq()
        publisher = PikaPublisher(node.url, name="test", confirm_deadline=DEADLINE)
        await publisher.start()
        await until_ready(publisher)
        serve_default(node.url)
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
        await publisher.close()

    async def test_a_blocked_broker_is_said_at_once(
        self, new_rabbitmq: Callable[[], Rabbit]
    ) -> None:
        node = new_rabbitmq()
        publisher = PikaPublisher(node.url, name="test", confirm_deadline=DEADLINE)
        await publisher.start()
        await until_ready(publisher)
        serve_default(node.url)
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
        await publisher.close()
