"""EventFeed over Redis sharded pub/sub: one connection, one channel a tenant.

Our own subscriber, because redis-py's reconnects without a word (what was published in between is
lost and nobody hears of it) and costs six times as much a message.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from shared.adapters.push_wire import PushWire, RefusedError, connect
from shared.contracts.errors import StoreUnavailable
from shared.ports import FeedMessage
from shared.runtime.pacing import full_jitter, pause
from shared.runtime.spells import Spell

PING_SECONDS: Final = 5.0  # nothing heard from one ping to the next: the connection is half-open
CONFIRM_SECONDS: Final = 5.0
RETRY_BASE_SECONDS: Final = 0.1
RETRY_CAP_SECONDS: Final = 2.0
_BEFORE_FRAME: Final = 6  # words of a message before its frame

log = structlog.get_logger()


def channel(tenant: str) -> str:
    """Return the channel of a tenant's events."""
    return f"wm:{{{tenant}}}:events"


def parse_message(tenant: str, payload: bytes) -> FeedMessage:
    """Read `<epoch> <seq> <job> <revision> <step> <t|p> <frame JSON>`.

    Raises:
        ValueError: it is no such message.
    """
    epoch, seq, job, revision, step, kind, frame = payload.split(b" ", _BEFORE_FRAME)
    return FeedMessage(
        tenant=tenant,
        epoch=epoch.decode(),
        seq=int(seq),
        job=job.decode(),
        revision=int(revision),
        step=int(step),
        transition=kind == b"t",
        frame=frame,
    )


class RedisFeed:
    """Keeps its tenants subscribed for ever; reconnects with full jitter, then tells of the gap."""

    def __init__(
        self,
        redis_url: str,
        *,
        ping_seconds: float = PING_SECONDS,
        confirm_seconds: float = CONFIRM_SECONDS,
    ) -> None:
        """Describe it; nothing connects before `start`."""
        self.reconnects = 0
        self._redis_url = redis_url
        self._ping_seconds = ping_seconds
        self._confirm_seconds = confirm_seconds
        self._tenants: dict[str, str] = {}  # channel -> tenant, for all that are wanted
        self._confirmed: set[str] = set()  # channels
        self._awaited: dict[str, asyncio.Future[None]] = {}
        self._leaving: Counter[str] = Counter()  # channel -> SUNSUBSCRIBE answers to come
        self._wire: PushWire | None = None
        self._listeners: list[Callable[[FeedMessage], None]] = []
        self._gap_listeners: list[Callable[[], Awaitable[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._unheard = Spell("feed_disconnected", "feed_connected_again")

    @property
    def ready(self) -> bool:
        """Whether Redis is connected and has confirmed every wanted tenant."""
        return self._wire is not None and len(self._confirmed) == len(self._tenants)

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._stay_connected(), name="feed")

    async def close(self) -> None:
        """Disconnect for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CONFIRM_SECONDS)
        for waiting in self._awaited.values():
            waiting.cancel()

    def on_message(self, listener: Callable[[FeedMessage], None]) -> None:
        """Keep the promise of `EventFeed.on_message`."""
        self._listeners.append(listener)

    def on_gap(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Keep the promise of `EventFeed.on_gap`."""
        self._gap_listeners.append(listener)

    async def subscribe(self, tenant: str) -> None:
        """Return when Redis has confirmed; at once when it already has.

        Raises:
            StoreUnavailable: not confirmed in time (5 s). The tenant stays wanted.
        """
        name = channel(tenant)
        if name in self._confirmed:
            return
        if name not in self._tenants:
            self._tenants[name] = tenant
            self._ask_for((name,))
        waiting = self._awaited.setdefault(name, asyncio.get_running_loop().create_future())
        done, _ = await asyncio.wait({waiting}, timeout=self._confirm_seconds)
        if not done or waiting.cancelled():
            raise StoreUnavailable(tenant=tenant)

    async def unsubscribe(self, tenant: str) -> None:
        """Stop listening; does not wait for Redis."""
        name = channel(tenant)
        if self._tenants.pop(name, None) is None:
            return
        self._confirmed.discard(name)
        if (waiting := self._awaited.pop(name, None)) is not None:
            waiting.cancel()
        if self._wire is not None:
            self._leaving[name] += 1
            self._wire.send("SUNSUBSCRIBE", name)

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                wire = await connect(self._redis_url, self._on_push)
                try:
                    await self._resume(wire)
                    attempt = 0
                    await self._listen(wire)
                finally:
                    self._forget(wire)
            except (OSError, TimeoutError, RefusedError) as fault:
                self._unheard.met(why=str(fault) or type(fault).__name__, then="tries again")
            except Exception:  # the outermost loop of the feed: without it nobody hears anything
                log.exception("feed_failed", then="tries again")
            attempt += 1
            await pause(full_jitter(attempt, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS))

    async def _resume(self, wire: PushWire) -> None:
        self._wire = wire
        self._ask_for(self._tenants)
        await self._all_confirmed(wire)
        self._unheard.over()
        log.info("feed_connected", tenants=len(self._tenants), reconnects=self.reconnects)
        if self.reconnects:
            for listener in self._gap_listeners:
                await listener()

    async def _all_confirmed(self, wire: PushWire) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._confirm_seconds
        while len(self._confirmed) < len(self._tenants):
            missing = {
                self._awaited.setdefault(name, loop.create_future())
                for name in self._tenants.keys() - self._confirmed
            }
            done, _ = await asyncio.wait(
                {wire.lost, *missing},
                timeout=deadline - loop.time(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if wire.lost in done:
                wire.lost.result()
            if not done:
                raise TimeoutError

    async def _listen(self, wire: PushWire) -> None:
        while True:
            wire.heard.clear()
            wire.send("PING")
            done, _ = await asyncio.wait({wire.lost}, timeout=self._ping_seconds)
            if done:
                wire.lost.result()
            if not wire.heard.is_set():
                raise TimeoutError

    def _forget(self, wire: PushWire) -> None:
        wire.abort()
        self._wire = None
        self.reconnects += 1
        self._confirmed.clear()
        self._leaving.clear()

    def _ask_for(self, names: Iterable[str]) -> None:
        # One command each: several channels of one command must share a slot on a cluster.
        if self._wire is not None:
            for name in names:
                self._wire.send("SSUBSCRIBE", name)

    def _on_push(self, push: list[bytes]) -> None:
        kind = push[0]
        if kind == b"smessage":
            self._hand_on(push[1].decode(), push[2])
        elif kind == b"ssubscribe":
            self._confirm(push[1].decode())
        elif kind == b"sunsubscribe":
            self._left(push[1].decode())

    def _hand_on(self, name: str, payload: bytes) -> None:
        if (tenant := self._tenants.get(name)) is None:
            return
        try:
            message = parse_message(tenant, payload)
        except ValueError:
            log.warning("feed_message_unreadable", tenant=tenant, bytes=len(payload))
            return
        for listener in self._listeners:
            try:
                listener(message)
            except Exception:  # one event is not all: those behind it are still to be read
                log.exception("event_failed", tenant=tenant, job_id=message.job)

    def _confirm(self, name: str) -> None:
        if name not in self._tenants or self._leaving[name]:
            return
        self._confirmed.add(name)
        waiting = self._awaited.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _left(self, name: str) -> None:
        if self._leaving[name]:
            self._leaving[name] -= 1
        elif name in self._tenants and self._wire is not None:
            # Not asked for: its slot has moved to another node. Start over, and tell of the gap.
            self._wire.abort()
