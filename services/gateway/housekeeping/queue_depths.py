"""How full AMQP queues are, asked by passive declaration: no management plugin is needed."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.connection import URLParameters
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.frame import Method
from pika.spec import Queue

from services.gateway.queues.depths import Depth
from shared.contracts.errors import BrokerUnavailable

HEARTBEAT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
_NOT_FOUND: Final = 404

Told = asyncio.Future[Any]


class QueueDepths:
    """A `depths.Depths`: one connection, made when first asked and replaced when lost."""

    def __init__(self, amqp_url: str, *, name: str, deadline: float = READ_SECONDS) -> None:
        """Describe it; `name` is what the broker shows, `deadline` (s) that of one `read`."""
        self._deadline = deadline
        self._parameters = URLParameters(amqp_url)
        self._parameters.heartbeat = HEARTBEAT_SECONDS
        self._parameters.socket_timeout = CONNECT_SECONDS
        self._parameters.stack_timeout = CONNECT_SECONDS
        self._parameters.connection_attempts = 1
        self._parameters.client_properties = {"connection_name": name}
        self._connection: AsyncioConnection | None = None
        self._channel: Channel | None = None
        self._told: Told | None = None

    async def read(self, queues: Collection[str]) -> Mapping[str, Depth]:
        """Return the depth of each queue; raises as `depths.Depths` says."""
        try:
            async with asyncio.timeout(self._deadline):
                return {queue: await self._depth(queue) for queue in queues}
        except TimeoutError:
            await self.close()
            raise BrokerUnavailable(f"No answer within {self._deadline:g} s.") from None
        except AMQPError as fault:
            await self.close()
            raise BrokerUnavailable(str(fault)) from fault

    async def close(self) -> None:
        """Hang up."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and not (connection.is_closing or connection.is_closed):
            connection.close()

    async def _depth(self, queue: str) -> Depth:
        channel = await self._open()

        def declare(told: Told) -> None:
            channel.queue_declare(queue, passive=True, callback=_then(told))

        try:
            frame: Method[Queue.DeclareOk] = await self._until(declare)
        except ChannelClosedByBroker as refused:
            if refused.reply_code != _NOT_FOUND:
                raise
            return Depth(ready=0, consumers=0)
        return Depth(ready=frame.method.message_count, consumers=frame.method.consumer_count)

    async def _open(self) -> Channel:
        if self._connection is None:
            await self._until(self._connect)
        connection = self._connection
        if connection is None:
            raise BrokerUnavailable
        if self._channel is None:
            self._channel = await self._until(
                lambda told: connection.channel(on_open_callback=_then(told))
            )
            self._channel.add_on_close_callback(self._on_channel_lost)
        return self._channel

    def _connect(self, told: Told) -> None:
        self._connection = AsyncioConnection(
            self._parameters,
            on_open_callback=_then(told),
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
            custom_ioloop=asyncio.get_running_loop(),
        )

    async def _until(self, begin: Callable[[Told], object]) -> Any:  # noqa: ANN401 - pika's frames
        """Begin something and wait until its callback, or a loss, tells how it went."""
        self._told = asyncio.get_running_loop().create_future()
        begin(self._told)
        return await self._told

    def _on_channel_lost(self, channel: Channel, fault: Exception) -> None:
        if channel is not self._channel:
            return
        self._channel = None
        self._tell(fault)

    def _on_lost(self, connection: object, fault: BaseException | str) -> None:
        if connection is not self._connection:
            return
        self._connection = self._channel = None
        self._tell(fault if isinstance(fault, AMQPError) else BrokerUnavailable(str(fault)))

    def _tell(self, fault: Exception) -> None:
        if self._told is not None and not self._told.done():
            self._told.set_exception(fault)


def _then(told: Told) -> Callable[[object], None]:
    return lambda answer: None if told.done() else told.set_result(answer)
