"""An in-memory EventFeed: what is published while it is cut is lost, like with the real one."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.ports import FeedMessage
from tests.fakes.store import FakeStore


def read_event(channel: str, text: str) -> FeedMessage:
    """Read what a store has sent; written apart from the adapter's reading on purpose."""
    epoch, seq, job, revision, step, kind, frame = text.split(" ", 6)
    return FeedMessage(
        tenant=channel.removeprefix("wm:{").removesuffix("}:events"),
        epoch=epoch,
        seq=int(seq),
        job=job,
        revision=int(revision),
        step=int(step),
        transition={"t": True, "p": False}[kind],
        frame=frame.encode(),
    )


class FakeFeed:
    """Keeps `ports.EventFeed` in memory; `cut` and `mend` are the network's."""

    def __init__(self) -> None:
        self.tenants: set[str] = set()
        self.asked: list[str] = []  # every subscribe, in order
        self._up = asyncio.Event()
        self._up.set()
        self._listeners: list[Callable[[FeedMessage], None]] = []
        self._gap_listeners: list[Callable[[], Awaitable[None]]] = []

    async def subscribe(self, tenant: str) -> None:
        self.asked.append(tenant)
        self.tenants.add(tenant)
        await self._up.wait()

    async def unsubscribe(self, tenant: str) -> None:
        self.tenants.discard(tenant)

    def on_message(self, listener: Callable[[FeedMessage], None]) -> None:
        self._listeners.append(listener)

    def on_gap(self, listener: Callable[[], Awaitable[None]]) -> None:
        self._gap_listeners.append(listener)

    def publish(self, message: FeedMessage) -> None:
        """Hand an event to who listens; lost while cut or not subscribed."""
        if self._up.is_set() and message.tenant in self.tenants:
            for listener in self._listeners:
                listener(message)

    def relay(self, store: FakeStore) -> None:
        """Publish what the store has sent since the last time."""
        sent, store.published[:] = list(store.published), []
        for channel, text in sent:
            if channel.endswith(":events"):
                self.publish(read_event(channel, text))

    def cut(self) -> None:
        """Lose the connection."""
        self._up.clear()

    async def mend(self) -> None:
        """Connect again, with every tenant; then tell of the gap."""
        self._up.set()
        for listener in self._gap_listeners:
            await listener()
