"""The dead-letter queue, read with pika on the event loop. One connection, replaced when lost."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.connection import URLParameters
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from shared.contracts.topology import DEAD_LETTER_QUEUE, Topology, dead_letter_topology, given
from shared.runtime.pacing import full_jitter, pause

PREFETCH: Final = 32
HEARTBEAT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 5.0
RETRY_BASE_SECONDS: Final = 0.5
RETRY_CAP_SECONDS: Final = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A `deliveries.DeadLetterDelivery`."""

    body: bytes
    broker_reason: str | None
    _channel: Channel
    _tag: int

    def ack(self) -> None:
        """Settle it on the channel that delivered it, if that still lives."""
        if self._channel.is_open:
            self._channel.basic_ack(self._tag)


class DeadLetterQueue:
    """A `deliveries.Deliveries`: at most 32 messages are held unacked."""

    def __init__(self, amqp_url: str, *, name: str, house: Topology) -> None:
        """Describe it; `name` is what the broker shows, `house` says who makes the queue."""
        dead = dead_letter_topology()
        self._topology = given(dead) if house.given else dead
        self._parameters = URLParameters(amqp_url)
        self._parameters.heartbeat = HEARTBEAT_SECONDS
        self._parameters.socket_timeout = CONNECT_SECONDS
        self._parameters.stack_timeout = CONNECT_SECONDS
        self._parameters.connection_attempts = 1
        self._parameters.client_properties = {"connection_name": name}

    async def arriving(self) -> AsyncGenerator[Delivery, None]:
        """Yield messages for ever."""
        attempt = 0
        while True:
            reader = _Reader(self._topology)
            try:
                reader.open(self._parameters)
                async for delivery in reader:
                    attempt = 0
                    yield delivery
            finally:
                reader.close()
            attempt += 1
            log.info("dead_letter_queue_away", why=reader.why_lost)
            await pause(full_jitter(attempt, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS))


class _Reader:
    """One connection's life."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        # None ends the reading; the bound is the prefetch
        self._arrived: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._connection: AsyncioConnection | None = None
        self.why_lost = ""

    def open(self, parameters: URLParameters) -> None:
        self._connection = AsyncioConnection(
            parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
            custom_ioloop=asyncio.get_running_loop(),
        )

    def close(self) -> None:
        connection = self._connection
        if connection is not None and not (connection.is_closing or connection.is_closed):
            connection.close()

    async def __aiter__(self) -> AsyncIterator[Delivery]:
        while (delivery := await self._arrived.get()) is not None:
            yield delivery

    def _on_open(self, connection: Any) -> None:  # noqa: ANN401 - pika's callbacks are not typed
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_lost)
        # A deleted queue is told by a cancel only; to begin again declares it anew.
        channel.add_on_cancel_callback(lambda _: self._on_lost(channel, "the queue is gone"))
        _declare(channel, self._topology)
        channel.basic_qos(prefetch_count=PREFETCH, callback=self._then_consume(channel))

    def _then_consume(self, channel: Channel) -> Callable[[object], None]:
        def consume(_frame: object) -> None:
            channel.basic_consume(DEAD_LETTER_QUEUE, self._on_message)

        return consume

    def _on_message(
        self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self._arrived.put_nowait(
            Delivery(body, last_reason(properties.headers), channel, method.delivery_tag or 0)
        )

    def _on_lost(self, _source: object, fault: BaseException | str) -> None:
        self.why_lost = self.why_lost or f"{type(fault).__name__}: {fault}"
        self._arrived.put_nowait(None)
        try:
            self.close()
        except AMQPError:
            log.debug("dead_letter_connection_gone")


def _declare(channel: Channel, topology: Topology) -> None:
    """Make sure of the queue; the broker carries out in order what is sent without waiting."""
    passive = topology.given
    for exchange in topology.exchanges:
        channel.exchange_declare(exchange.name, exchange.kind, passive=passive, durable=True)
    for queue in topology.queues:
        channel.queue_declare(
            queue.name, passive=passive, durable=True, arguments=dict(queue.arguments)
        )
    for binding in topology.bindings:
        channel.queue_bind(binding.destination, binding.source, binding.key)


def last_reason(headers: object) -> str | None:
    """Return why the broker dead-lettered a message last; RabbitMQ puts the newest death first."""
    deaths = headers.get("x-death") if isinstance(headers, dict) else None
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    reason = deaths[0].get("reason")
    return reason if isinstance(reason, str) else None
