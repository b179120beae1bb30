"""The publisher against a real RabbitMQ: what is confirmed is there, what is not is said."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import pytest
from msgspec.structs import replace

from shared.adapters.publisher_pika import PikaPublisher
from shared.contracts import topology
from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, Unroutable
from tests.eventually import eventually_async
from tests.integration.broker_reader import Reader
from tests.integration.publishing import a_message, until_ready

PATIENT = 15.0  # where the deadline is not the point: the machine is shared
TIMELY_MS = 50
APART_SECONDS = 0.3  # one busy moment of the machine must not make all of them late
WINDOW = 2000


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[PikaPublisher]:
    """A publisher that is ready, on this test's own virtual host."""
    publisher = PikaPublisher(amqp_url, name="test", confirm_deadline=PATIENT, window=WINDOW)
    await publisher.start()
    await until_ready(publisher)
    yield publisher
    await publisher.close()


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


async def test_a_message_bears_the_trace_of_its_job_where_anybody_can_read_it(
    publisher: PikaPublisher, reader: Reader
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    plain = a_message("job-8")
    traced = replace(plain, options=replace(plain.options, traceparent=parent))
    both = replace(plain, options=replace(traced.options, tracestate="a=1,b=x y"))

    await publisher.publish(traced)
    await publisher.publish_later(both, delay_ms=1)

    read = reader.read("waymark.default", 2)
    headers = [dict(properties.headers or {}) for _, properties, _ in read]
    assert headers[0] == {"traceparent": parent}
    assert headers[1].items() >= {"traceparent": parent, "tracestate": "a=1,b=x y"}.items()


@pytest.mark.parametrize(
    "kept", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01é", "é" * 55, "é é"]
)
async def test_a_trace_that_no_header_can_bear_keeps_no_job_back(
    publisher: PikaPublisher, reader: Reader, kept: str
) -> None:
    plain = a_message("job-9")

    await publisher.publish(replace(plain, options=replace(plain.options, traceparent=kept)))

    ((_, properties, _),) = reader.read("waymark.default", 1)
    assert properties.message_id == "job-9"


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
        await asyncio.sleep(APART_SECONDS)

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


@pytest.mark.parametrize(
    "broken",
    [
        msgspec.structs.replace(a_message(), job="jöb"),
        msgspec.structs.replace(a_message(), payload='"\ud800"'),
    ],
)
async def test_a_message_that_cannot_be_sent_costs_the_next_ones_nothing(
    amqp_url: str, publisher: PikaPublisher, reader: Reader, *, broken: RunJob
) -> None:
    del publisher, reader  # this one has few places, and a queue to publish to
    narrow = PikaPublisher(amqp_url, name="narrow", confirm_deadline=PATIENT, window=3)
    await narrow.start()
    await until_ready(narrow)

    for _ in range(3):
        with pytest.raises(UnicodeEncodeError):
            await narrow.publish_many([(a_message(), 0), (broken, 0), (a_message(), 0)])
        await narrow.publish(a_message())
        with pytest.raises(Unroutable):
            await narrow.publish(a_message(queue="nowhere"))

    assert await narrow.publish_many([(a_message(), 0)] * 4) == [None] * 4
    assert narrow.unconfirmed == 0
    await narrow.close()


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
