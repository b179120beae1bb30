"""The consumer on a real RabbitMQ: settles, cancels, and what happens to its queue."""

import time
from collections.abc import Iterator
from typing import Any

import pika
import pytest
from dramatiq.errors import ConnectionClosed
from pika.connection import Parameters
from prometheus_client import CollectorRegistry

from services.worker.broker import ConsumesOnlyError, WaymarkBroker
from services.worker.consumer import SafeConsumer
from services.worker.intake.deliveries import Answer
from services.worker.intake.delivery import Delivery
from services.worker.intake.gate import Intake
from services.worker.intake.long_jobs import LongJobs
from services.worker.metrics import WorkerMetrics
from shared.contracts.topology import DEAD_LETTER_QUEUE, house_topology
from tests.eventually import eventually
from tests.fakes.jobs import message

QUEUE = "waymark.default"


class Bench:
    def __init__(self, amqp_url: str) -> None:
        self.intake = Intake()
        self.metrics = WorkerMetrics(CollectorRegistry())
        self.broker = WaymarkBroker(
            amqp_url,
            name="test",
            intake=self.intake,
            metrics=self.metrics,
            long_jobs=LongJobs([], node_seconds=1800),
            house=house_topology(),
        )
        self.broker.serve("default")
        self.parameters: Parameters = self.broker.parameters
        self._consumers: list[SafeConsumer] = []
        self._connection = pika.BlockingConnection(self.parameters)
        self.channel = self._connection.channel()

    def consumer(self, prefetch: int = 10) -> SafeConsumer:
        consumer = SafeConsumer(self.broker, QUEUE, prefetch, 50)
        self._consumers.append(consumer)
        return consumer

    def publish(self, *, headers: dict[str, Any] | None = None) -> None:
        body = message().encode(queue_name=QUEUE, timestamp_ms=0)
        properties = pika.BasicProperties(delivery_mode=2, headers=headers)
        self.channel.basic_publish("", QUEUE, body, properties)

    def ready(self, queue: str = QUEUE) -> int:
        """Return how many messages wait in a queue."""
        return int(self.channel.queue_declare(queue, passive=True).method.message_count)

    def close(self) -> None:
        for consumer in self._consumers:
            consumer.close()
        self._connection.close()


@pytest.fixture
def bench(amqp_url: str) -> Iterator[Bench]:
    bench = Bench(amqp_url)
    yield bench
    bench.close()


def take(consumer: SafeConsumer, within: float = 5.0) -> Delivery:
    delivery = eventually(lambda: next(consumer), within=within)
    assert delivery is not None
    return delivery


def pump(consumer: SafeConsumer, seconds: float = 0.3) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert next(consumer) is None


def test_an_ack_takes_the_message_off_and_a_nack_sends_it_to_the_dead(bench: Bench) -> None:
    consumer = bench.consumer()
    for answer in (Answer.ACK, Answer.NACK):
        bench.publish()
        delivery = take(consumer)
        delivery.settle(answer)
        pump(consumer)
        assert not delivery.alive
    consumer.close()
    assert bench.ready() == 0
    eventually(lambda: bench.ready(DEAD_LETTER_QUEUE) == 1)


def test_a_requeue_brings_it_again_with_its_headers(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.publish(headers={"traceparent": "00-1"})
    take(consumer).settle(Answer.REQUEUE)
    again = take(consumer)
    assert again.redelivered
    assert again.headers["traceparent"] == "00-1"
    assert again.job == message()


def test_a_delivery_of_a_closed_consumer_settles_nothing_of_the_next(bench: Bench) -> None:
    old = bench.consumer()
    bench.publish()
    stale = take(old)
    old.close()
    new = bench.consumer()
    fresh = take(new)
    assert stale.tag == fresh.tag
    assert not stale.alive
    stale.settle(Answer.ACK)
    new.settle(stale, Answer.ACK)
    pump(new)
    assert fresh.alive
    new.close()
    eventually(lambda: bench.ready() == 1)


def test_a_closed_intake_cancels_the_consumer_and_keeps_its_acks_alive(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.publish()
    delivery = take(consumer)
    bench.intake.store_failed()
    pump(consumer)
    assert not consumer.consuming
    bench.publish()
    pump(consumer)
    assert bench.ready() == 1
    assert delivery.alive
    delivery.settle(Answer.ACK)
    pump(consumer)
    bench.intake.store_answered()
    take(consumer).settle(Answer.ACK)
    pump(consumer)
    consumer.close()
    assert bench.ready() == 0


def test_a_consumer_whose_queue_is_deleted_asks_for_a_new_connection_and_declares_it_again(
    bench: Bench,
) -> None:
    consumer = bench.consumer()
    pump(consumer)
    bench.channel.queue_delete(QUEUE)
    with pytest.raises(ConnectionClosed):
        pump(consumer, 5.0)
    consumer.close()
    new = bench.consumer()
    bench.publish()
    take(new).settle(Answer.ACK)


def test_a_settle_sent_just_before_closing_arrives(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.publish()
    take(consumer).settle(Answer.ACK)
    consumer.close()
    assert bench.ready() == 0


def test_the_broker_of_a_worker_publishes_nothing(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.publish()
    delivery = take(consumer)
    with pytest.raises(ConsumesOnlyError):
        bench.broker.enqueue(delivery._message)


def test_what_is_given_back_while_its_queue_is_paused_goes_back_once_and_waits(
    bench: Bench,
) -> None:
    consumer = bench.consumer()
    bench.publish()
    delivery = take(consumer)
    bench.intake.pause({"default"})
    delivery.settle(Answer.REQUEUE)
    assert delivery.alive, "not before the consumer is cancelled: it would come again at once"
    pump(consumer)
    assert (consumer.consuming, consumer.in_order, bench.ready()) == (False, True, 1)

    bench.intake.pause(())
    again = take(consumer)
    assert again.headers["x-delivery-count"] == 1
    again.settle(Answer.ACK)
    pump(consumer)


def test_a_pause_of_another_queue_changes_nothing(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.intake.pause({"bulk"})
    bench.publish()
    take(consumer).settle(Answer.ACK)
    pump(consumer)
    assert consumer.consuming
