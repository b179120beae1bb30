"""PikaPublisher: keeps a link to the broker for ever and publishes through it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from pika.connection import URLParameters

from shared.adapters.publisher_pika.confirms import Batch
from shared.adapters.publisher_pika.frames import header_table
from shared.adapters.publisher_pika.link import Letter, Link
from shared.adapters.publisher_pika.window import Window
from shared.contracts import topology
from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, WaymarkError
from shared.contracts.topology import Topology
from shared.contracts.tracing import TRACEPARENT_CHARACTERS, recall_context
from shared.runtime.pacing import full_jitter, pause

HEARTBEAT_SECONDS: Final = 10
CONNECT_SECONDS: Final = 5.0  # TCP, TLS and AMQP handshake
OPEN_SECONDS: Final = 30.0  # all of it; declaring 21 new quorum queues takes seconds
# A link that is blocked answers at once; replacing it would only hide that it is.
BLOCKED_SECONDS: Final = 300.0
MOST_AT_ONCE: Final = 200  # messages of one write: others get their turn between two
# So many messages have this one header and no other that it is not built field by field.
_BEFORE_TRACEPARENT: Final = header_table({"traceparent": "0" * TRACEPARENT_CHARACTERS})[
    :-TRACEPARENT_CHARACTERS
]
RETRY_BASE_SECONDS: Final = 0.2
RETRY_CAP_SECONDS: Final = 5.0

log = structlog.get_logger()


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class PikaPublisher:
    """A `ports.CommandPublisher`: one connection, confirms pipelined, at most `window` in flight.

    It belongs to the event loop that starts it.
    """

    def __init__(
        self,
        amqp_url: str,
        *,
        name: str,
        house: Topology | None = None,
        confirm_deadline: float = 3.0,
        window: int = 2000,
        now_ms: Callable[[], int] = _wall_clock_ms,
    ) -> None:
        """Describe it; `name` is what the broker shows, `confirm_deadline` is in seconds.

        `house` is what it makes sure of before it publishes; None: declare all that is ours.
        """
        self._house = house or topology.house_topology()
        self._parameters = URLParameters(amqp_url)
        self._parameters.heartbeat = HEARTBEAT_SECONDS
        self._parameters.blocked_connection_timeout = BLOCKED_SECONDS
        self._parameters.socket_timeout = CONNECT_SECONDS
        self._parameters.stack_timeout = CONNECT_SECONDS
        self._parameters.connection_attempts = 1
        self._parameters.client_properties = {"connection_name": name}
        self._deadline = confirm_deadline
        self._window = Window(window)
        self._now_ms = now_ms
        self._link: Link | None = None  # the one that can be published through
        self._newest: Link | None = None  # opening, open or closing
        self._keeper: asyncio.Task[None] | None = None
        self._why_away = "not connected yet"
        self._unheard = False  # a confirm is late and nothing has been heard since

    async def start(self) -> None:
        """Begin to connect and keep connecting; returns at once."""
        self._keeper = asyncio.create_task(self._keep_linked(), name="publisher")

    async def close(self) -> None:
        """Disconnect for good; what is in flight fails as unknown."""
        self._link = None
        self._why_away = "closed"
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._newest is not None:
            await self._newest.close()

    @property
    def ready(self) -> bool:
        """Whether a publish could be confirmed now: connected and not blocked."""
        return self._why_not() is None

    @property
    def complaint(self) -> str | None:
        """None when all is well, else why not, in words; a hung broker is told by late confirms."""
        late = "it does not confirm what is sent" if self._unheard else None
        return self._why_not() or late

    @property
    def unconfirmed(self) -> int:
        """How many messages the broker has not answered for."""
        return 0 if self._link is None else len(self._link.confirms)

    async def publish(self, message: RunJob) -> None:
        await self._publish_one(message, 0)

    async def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        await self._publish_one(message, max(1, delay_ms))  # never past the ladder

    async def _publish_one(self, message: RunJob, delay_ms: int) -> None:
        (fault,) = await self._publish([(message, delay_ms)])
        if fault is not None:
            raise fault

    async def publish_many(
        self, messages: Sequence[tuple[RunJob, int]]
    ) -> Sequence[WaymarkError | None]:
        return await self._publish(messages)

    async def _publish(
        self, messages: Sequence[tuple[RunJob, int]]
    ) -> Sequence[WaymarkError | None]:
        batch = Batch(len(messages))
        try:
            async with asyncio.timeout(self._deadline):
                await self._send(messages, batch)
                await batch.known()
        except TimeoutError:
            self._unheard = True
        return batch.fates(
            BrokerUnavailable(
                f"The broker did not confirm within {self._deadline:g} s: unknown outcome."
            )
        )

    async def _send(self, messages: Sequence[tuple[RunJob, int]], batch: Batch) -> None:
        done = 0
        while done < len(messages):
            try:
                self._linked()
                places = await self._window.take(min(MOST_AT_ONCE, len(messages) - done))
                part = messages[done : done + places]
                try:
                    self._linked().send(self._letters(part), batch, first=done)
                except BaseException:  # else the places are gone for good
                    self._window.give(places)
                    raise
            except BrokerUnavailable as fault:
                for place in range(done, len(messages)):
                    batch.tell(place, fault)
                return
            done += places

    def _letters(self, messages: Sequence[tuple[RunJob, int]]) -> list[Letter]:
        now = self._now_ms()
        return [_letter(message, delay_ms, now) for message, delay_ms in messages]

    def _linked(self) -> Link:
        why_not = self._why_not()
        if self._link is None or why_not is not None:
            raise BrokerUnavailable(f"The broker cannot be reached: {why_not}")
        return self._link

    def _why_not(self) -> str | None:
        if self._link is None:
            return self._why_away
        if self._link.lost.done():
            return self._link.lost.result()
        return "it has blocked publishers (memory or disk alarm)" if self._link.blocked else None

    async def _keep_linked(self) -> None:
        attempt = 0
        while True:
            link = self._newest = Link(self._free)
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    await link.open(self._parameters, self._house)
            except (BrokerUnavailable, TimeoutError) as fault:
                self._why_away = str(fault) or f"no answer within {OPEN_SECONDS:g} s"
            else:
                attempt, self._link = 0, link
                log.info("broker_connected")
                self._why_away = await asyncio.shield(link.lost)
                self._link = None
            await link.close()
            attempt += 1
            seconds = full_jitter(attempt, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS)
            log.warning("broker_away", why=self._why_away, retry_in_seconds=round(seconds, 2))
            await pause(seconds)

    def _free(self, places: int) -> None:
        self._unheard = False
        self._window.give(places)


def _letter(message: RunJob, delay_ms: int, now_ms: int) -> Letter:
    queue = topology.work_queue(message.options.queue, message.options.priority)
    exchange, key = "", queue
    if delay_ms > 0:
        exchange, key = topology.ladder_entry(delay_ms)[0], topology.ladder_key(delay_ms, queue)
    body = message.encode(queue_name=queue, timestamp_ms=now_ms)
    return Letter(exchange, key, body, message.job, _headers(message))


def _headers(message: RunJob) -> bytes:
    """Return the W3C trace context, for whoever looks at messages without reading their bodies."""
    parent, state = message.options.traceparent, message.options.tracestate
    if parent is None:
        return b""
    if state is None and len(parent) == TRACEPARENT_CHARACTERS and parent.isascii():
        return _BEFORE_TRACEPARENT + parent.encode("ascii")
    context = recall_context(parent if state is None else f"{parent} {state}")
    if context is None:
        return b""
    parent, state = context
    return header_table({"traceparent": parent, **({"tracestate": state} if state else {})})
