"""Takes messages off one AMQP queue; what it delivered is settled through it and nobody else.

Delivery tags start again at 1 on every connection: an ack that goes through a newer one would
settle a stranger's job (Dramatiq's own consumer does that).
"""

import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, Protocol

import pika
import structlog
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed
from pika.adapters.blocking_connection import BlockingChannel
from pika.connection import Parameters
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.spec import Basic, BasicProperties

from services.worker.intake.declaring import declare
from services.worker.intake.deliveries import Answer
from services.worker.intake.delivery import Delivery
from services.worker.intake.gate import Intake
from services.worker.intake.long_jobs import REMEDY, LongJobs, is_timeout
from services.worker.metrics import WorkerMetrics
from shared.contracts.commands import RunJob
from shared.contracts.errors import Undecodable
from shared.contracts.topology import Topology, work_topology
from shared.runtime import job_lines

FLUSH_SECONDS: Final = 2.0
_LINK_FAULTS: Final = (AMQPError, AssertionError, OSError)  # pika asserts on some dead sockets

Frame = tuple[Basic.Deliver | None, BasicProperties | None, bytes | None]

log = structlog.get_logger()


class Source(Protocol):
    """What a consumer needs of its broker."""

    parameters: Parameters
    intake: Intake
    metrics: WorkerMetrics
    long_jobs: LongJobs
    house: Topology

    def queue_behind(self, amqp_queue: str) -> str:
        """Return the queue that `amqp_queue` is a priority class of."""

    def urgency(self, amqp_queue: str) -> int:
        """Return which class of its queue it is; 0 is the most urgent."""


class SafeConsumer(Consumer):
    """One connection, one channel, one AMQP queue. A new one is made when the connection is lost.

    While the intake is closed, for all or for its queue, it does not consume, but keeps serving the
    connection: the acks of running jobs and the heartbeats live.
    """

    def __init__(self, broker: Source, queue_name: str, prefetch: int, timeout: int) -> None:
        """Connect and declare all it needs; `timeout` in ms is how long `next` waits.

        Raises:
            ConnectionClosed: the broker is away, or refuses.
        """
        self.amqp_queue = queue_name
        self._source = broker
        self._timeout = timeout / 1000
        self._frames: Iterator[Frame] | None = None
        self._queue = broker.queue_behind(queue_name)
        self._urgency = broker.urgency(queue_name)
        self._unsettled: dict[int, RunJob] = {}
        self._put_back: list[Delivery] = []
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._connection = pika.BlockingConnection(broker.parameters)
            self._channel = self._open(prefetch)
        except _LINK_FAULTS as fault:
            raise _closed(fault) from None
        broker.metrics.connects.inc()
        log.info("consumer_connected", queue=queue_name)
        broker.long_jobs.meet(_version(self._connection))

    def _open(self, prefetch: int) -> BlockingChannel:
        channel = self._connection.channel()
        try:
            declare(channel, self._source.house)
            declare(channel, work_topology(self._queue))
            channel.basic_qos(prefetch_count=prefetch)
        except _LINK_FAULTS:
            self.close()
            raise
        return channel

    @property
    def consuming(self) -> bool:
        """Whether the broker sends messages."""
        return self._frames is not None and self.connected

    @property
    def paused(self) -> bool:
        """Whether nothing of its queue is to be begun."""
        return self._source.intake.is_paused(self._queue)

    @property
    def in_order(self) -> bool:
        """Whether it consumes, or rests because its queue is paused."""
        return self.consuming or (self.paused and self.connected)

    @property
    def connected(self) -> bool:
        """Whether what was delivered can be settled."""
        return not self._closed and self._connection.is_open and self._channel.is_open

    @property
    def unsettled(self) -> list[RunJob]:
        """What was delivered and not yet settled; from any thread."""
        with self._lock:
            return list(self._unsettled.values())

    def holds(self, tag: int) -> bool:
        """Whether the delivery `tag` can still be settled here."""
        return self.connected and tag in self._unsettled

    def __next__(self) -> Delivery | None:
        """Return what was delivered, or None when nothing was for a while.

        Raises:
            ConnectionClosed: connection, channel or consumer are gone: make a new one.
        """
        try:
            method, properties, body = self._next_frame()
        except StopIteration:
            raise _closed(Exception("the broker cancelled the consumer")) from None
        except _LINK_FAULTS as fault:
            self._tell_of_timeout(fault)
            raise _closed(fault) from None
        if method is None or body is None:
            return None
        headers = dict((properties.headers if properties else None) or {})
        return self._deliver(method, headers, body)

    def _next_frame(self) -> Frame:
        if self._lets_in:
            self._give_back()
            if self._frames is None:
                self._frames = self._channel.consume(
                    self.amqp_queue, inactivity_timeout=self._timeout
                )
            return next(self._frames)
        if self._frames is not None:
            self._channel.cancel()
            self._frames = None
            log.info("consumer_cancelled", queue=self.amqp_queue)
        self._give_back()
        self._connection.process_data_events(time_limit=self._timeout)
        if not self._channel.is_open:
            raise StopIteration
        return None, None, None

    @property
    def _lets_in(self) -> bool:
        return self._source.intake.lets_in(self._queue, self._urgency)

    def _give_back(self) -> None:
        with self._lock:
            kept, self._put_back = self._put_back, []
        for delivery in kept:
            self._settle(delivery, Answer.REQUEUE)

    def _tell_of_timeout(self, fault: BaseException) -> None:
        if isinstance(fault, ChannelClosedByBroker) and is_timeout(fault.reply_text):
            self._source.metrics.taken_back.inc()
            log.error(
                "deliveries_taken_back",
                queue=self.amqp_queue,
                job_ids=[job.job for job in self.unsettled],
                broker_says=fault.reply_text,
                remedy=REMEDY,
            )

    def _deliver(
        self, method: Basic.Deliver, headers: dict[str, Any], body: bytes
    ) -> Delivery | None:
        tag = int(method.delivery_tag or 0)
        try:
            job = RunJob.decode(body)
        except Undecodable as fault:
            log.warning("message_undecodable", queue=self.amqp_queue, why=fault.detail)
            self._source.metrics.settled[Answer.NACK].inc()
            self._channel.basic_nack(tag, requeue=False)
            return None
        with self._lock:
            self._unsettled[tag] = job
        return Delivery(self, tag, job, headers=headers, redelivered=bool(method.redelivered))

    def settle(self, delivery: Delivery, answer: Answer) -> None:
        """Answer the broker for one of its own deliveries; a stale one is left to redelivery.

        What is given back before a closing intake has cancelled the consumer is kept until then:
        the broker would deliver it here again, and again.
        """
        if answer is Answer.HOLD:
            return
        if answer is Answer.REQUEUE and self._frames is not None and not self._lets_in:
            with self._lock:
                self._put_back.append(delivery)
            return
        self._settle(delivery, answer)

    def _settle(self, delivery: Delivery, answer: Answer) -> None:
        with self._lock:
            known = delivery.consumer is self and delivery.tag in self._unsettled
            if known:
                del self._unsettled[delivery.tag]
        if not (known and self._hand_over(delivery.tag, answer)):
            self._source.metrics.stale.inc()
            log.warning("delivery_stale", **job_lines.facts_of(delivery.job), answer=answer)

    def _hand_over(self, tag: int, answer: Answer) -> bool:
        try:
            self._connection.add_callback_threadsafe(partial(self._send, tag, answer))
        except AMQPError:  # it is closed, or closing
            return False
        return self.connected

    def _send(self, tag: int, answer: Answer) -> None:
        if answer is Answer.ACK:
            self._channel.basic_ack(tag)
        else:
            self._channel.basic_nack(tag, requeue=answer is Answer.REQUEUE)

    def ack(self, message: MessageProxy) -> None:
        """Settle with ACK; Dramatiq's name for it."""
        if isinstance(message, Delivery):
            self.settle(message, Answer.ACK)

    def nack(self, message: MessageProxy) -> None:
        """Settle with NACK; Dramatiq's name for it."""
        if isinstance(message, Delivery):
            self.settle(message, Answer.NACK)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give deliveries back."""
        for message in messages:
            if isinstance(message, Delivery):
                self.settle(message, Answer.REQUEUE)

    def close(self) -> None:
        """Send what was settled and hang up; what was not settled is delivered again."""
        if self._closed:
            return
        try:
            self._flush()
            self._closed = True
            self._connection.close()
        except _LINK_FAULTS as fault:
            log.info("consumer_hung_up", queue=self.amqp_queue, why=_words(fault))
        finally:
            self._closed = True

    def _flush(self) -> None:
        flushed = threading.Event()
        self._connection.add_callback_threadsafe(flushed.set)
        self._connection.process_data_events(time_limit=0)
        if not flushed.is_set():
            self._connection.process_data_events(time_limit=FLUSH_SECONDS)


def _version(connection: pika.BlockingConnection) -> str:
    # BlockingConnection does not pass on what its own connection was told (pika 1.4).
    told = connection._impl.server_properties or {}  # type: ignore[attr-defined]  # noqa: SLF001
    return str(told.get("version", ""))


def _closed(fault: BaseException) -> ConnectionClosed:
    return ConnectionClosed(Exception(_words(fault)))  # type: ignore[no-untyped-call]


def _words(fault: BaseException) -> str:
    # pika's faults often have no text
    return f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
