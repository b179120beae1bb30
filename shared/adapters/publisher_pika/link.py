"""One connection to RabbitMQ with one channel in confirm mode; a lost one is replaced, not mended.

All of it runs on the event loop that opened it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import structlog
from pika.channel import Channel
from pika.connection import Parameters
from pika.exceptions import ChannelClosedByBroker
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from shared.adapters.publisher_pika.confirms import Batch, Confirms
from shared.adapters.publisher_pika.frames import publish_frames
from shared.adapters.publisher_pika.wire import Wire
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.topology import Topology

CLOSE_SECONDS: Final = 2.0
_REMEDIES: Final = {
    403: "let the broker's user do that: deploy/rabbitmq/definitions.json says what each may",
    404: "make it: load deploy/rabbitmq/definitions.json, or set WAYMARK_TOPOLOGY=declared",
    406: "an exchange or queue of that name exists with other arguments: delete it",
}

log = structlog.get_logger()


class Letter(msgspec.Struct, frozen=True):
    """One message and where it goes."""

    exchange: str
    routing_key: str
    body: bytes
    job: str
    headers: bytes = b""  # as `frames.header_table` writes them


class Link:
    """Usable between `open` and `lost`."""

    def __init__(self, on_answered: Callable[[int], None]) -> None:
        """Describe it; `on_answered` hears how many messages have just got an answer."""
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.blocked = False
        self.confirms = Confirms()
        self._on_answered = on_answered
        self._connection: Wire | None = None
        self._ended = asyncio.Event()  # the connection is no more, on our side at least
        self._channel: Channel | None = None

    async def open(self, parameters: Parameters, topology: Topology) -> None:
        """Connect, declare `topology` and turn confirms on; the caller sets the deadline.

        However it ends, `close` is due afterwards.

        Raises:
            BrokerUnavailable: it did not come to that; says why.
        """
        try:
            await self._until(lambda done: self._connect(parameters, done))
            await self._until(self._open_channel)
            await self._until(lambda done: self._prepare(topology, done))
        except BaseException:
            self._lose("opening was given up")
            raise

    def send(self, letters: Sequence[Letter], batch: Batch, *, first: int) -> None:
        """Hand messages to the connection in one write; `batch` hears the fate of each.

        They are persistent and mandatory; the place of the first in `batch` is `first`. Whatever
        it raises, nothing was sent.

        Raises:
            BrokerUnavailable: the channel is gone already.
        """
        connection, channel = self._connection, self._channel
        if connection is None or channel is None or self.lost.done():
            raise BrokerUnavailable
        on, frame_max = int(channel.channel_number), connection.frame_max
        frames = [
            publish_frames(
                on,
                letter.exchange,
                letter.routing_key,
                letter.body,
                number=number,
                message_id=letter.job,
                frame_max=frame_max,
                headers=letter.headers,
            )
            for number, letter in enumerate(letters, self.confirms.next_number)
        ]
        connection.write(b"".join(frames))
        # Last: a number for what was never sent would shift the broker's answers to all others.
        for place in range(first, first + len(letters)):
            self.confirms.sent(batch, place)

    async def close(self) -> None:
        """Say goodbye to the broker, and leave no socket open if it does not answer.

        What is unconfirmed becomes unknown.
        """
        self._hang_up()
        if self._connection is not None and not await self._ends_within(CLOSE_SECONDS):
            self._connection.abort()
            await self._ends_within(CLOSE_SECONDS)
        self._lose("closed")

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def _until(self, begin: Callable[[Callable[[object], None]], None]) -> None:
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        begin(lambda answer: None if done.done() else done.set_result(answer))
        either: set[asyncio.Future[Any]] = {done, self.lost}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise BrokerUnavailable(self.lost.result())

    def _connect(self, parameters: Parameters, done: Callable[[object], None]) -> None:
        self._connection = Wire(
            parameters,
            on_open_callback=done,
            on_open_error_callback=self._on_ended,
            on_close_callback=self._on_ended,
            custom_ioloop=asyncio.get_running_loop(),
        )
        self._connection.add_on_connection_blocked_callback(self._on_blocked)
        self._connection.add_on_connection_unblocked_callback(self._on_unblocked)

    def _open_channel(self, done: Callable[[object], None]) -> None:
        if self._connection is not None:
            self._channel = self._connection.channel(on_open_callback=done)
            self._channel.add_on_close_callback(self._on_channel_closed)

    def _prepare(self, topology: Topology, done: Callable[[object], None]) -> None:
        if self._channel is not None and self._connection is not None:
            self._channel.add_on_return_callback(self._on_return)
            self._connection.on_confirm(int(self._channel.channel_number), self._on_heard)
            _declare(self._channel, topology)
            # Everything before it went out without waiting: this answer is the answer to all.
            self._channel.confirm_delivery(self._on_confirm, callback=done)

    def _on_confirm(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        answer = frame.method
        has = isinstance(answer, Basic.Ack)
        self._on_heard(answer.delivery_tag, multiple=answer.multiple, has=has)

    def _on_heard(self, number: int, *, multiple: bool, has: bool) -> None:
        hear = self.confirms.acked if has else self.confirms.nacked
        self._on_answered(hear(number, multiple=multiple))

    def _on_return(
        self, _channel: Channel, method: Basic.Return, properties: BasicProperties, _body: bytes
    ) -> None:
        self.confirms.returned(properties.correlation_id or "0", method.routing_key or "")

    def _on_channel_closed(self, _channel: Channel, fault: Exception) -> None:
        if isinstance(fault, ChannelClosedByBroker) and fault.reply_code in _REMEDIES:
            remedy = _REMEDIES[fault.reply_code]
            log.error("topology_refused", broker_says=fault.reply_text, remedy=remedy)
        self._lose(_in_words(fault))

    def _on_ended(self, _connection: object, fault: BaseException | str) -> None:
        self._ended.set()
        self._lose(_in_words(fault))

    def _on_blocked(self, _connection: object, _frame: object) -> None:
        self.blocked = True
        log.warning("broker_blocked", remedy="free memory or disk space of the broker")

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = False
        log.info("broker_unblocked")

    def _lose(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(why)
        self._on_answered(self.confirms.lost(why))
        self._hang_up()

    def _hang_up(self) -> None:
        connection = self._connection
        if connection is not None and not (connection.is_closing or connection.is_closed):
            connection.close()


def _declare(channel: Channel, topology: Topology) -> None:
    """Send all declarations without waiting; a refusal closes the channel."""
    passive = topology.given
    for exchange in topology.exchanges:
        channel.exchange_declare(
            exchange.name,
            exchange.kind,
            passive=passive,
            durable=True,
            arguments=dict(exchange.arguments),
        )
    for queue in topology.queues:
        channel.queue_declare(
            queue.name, passive=passive, durable=True, arguments=dict(queue.arguments)
        )
    for binding in topology.bindings:
        bind = channel.exchange_bind if binding.to_exchange else channel.queue_bind
        bind(binding.destination, binding.source, binding.key)


def _in_words(fault: BaseException | str) -> str:
    if isinstance(fault, str):
        return fault
    return f"{type(fault).__name__}: {fault}".rstrip(": ")
