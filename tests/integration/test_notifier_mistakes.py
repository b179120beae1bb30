"""A mistake of ours ends the one connection that met it with 4100, and no other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette

from services.notifier.bounds import Bounds
from services.notifier.effects import Effect
from services.notifier.follows import Follows
from services.notifier.hub import Hub
from services.notifier.protocol import StreamConnection
from services.notifier.rules import Admission, Rules
from shared.contracts.tokens import Grant
from shared.runtime import serving
from tests.fakes.feed import FakeFeed
from tests.fakes.store import AsyncFakeStore
from tests.following import closed_with, greet, hear, open_stream, say

JOB = "0190c1f0-0000-7000-8000-000000000001"
GRANT = Grant(tenant="acme", jobs=frozenset({JOB}), expires_at=2_000_000_000)


class Cursed(Follows):
    def disturbed(self, name: str) -> Sequence[Effect]:
        raise RuntimeError("a mistake of ours")


def admit(token: str) -> Admission:
    if token == "cursed":
        raise RuntimeError("a mistake of ours")
    return Admission(GRANT, 1e6)


@pytest.fixture
async def notifier() -> AsyncIterator[tuple[str, list[Hub]]]:
    hubs: list[Hub] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Hub]]:
        hub = Hub(
            AsyncFakeStore(), FakeFeed(), admit=admit, rules=Rules(), bounds=Bounds(), origins=()
        )
        hubs.append(hub)
        await hub.start()
        yield {"hub": hub}
        await hub.close()

    listener = serving.listen("127.0.0.1", 0, port_setting="")
    port = listener.getsockname()[1]
    served = serving.Served(Starlette(lifespan=lifespan), listener, ws=StreamConnection)
    await served.start()
    yield f"ws://127.0.0.1:{port}/v1/stream", hubs
    await served.stop()


async def test_who_meets_a_mistake_is_told_to_come_back_and_nobody_else_hears_of_it(
    notifier: tuple[str, list[Hub]],
) -> None:
    url, (hub,) = notifier
    async with open_stream(url) as good, open_stream(url) as unlucky:
        await greet(good, "good")
        await say(unlucky, type="hello", version=1, token="cursed")

        assert await closed_with(unlucky) == 4100
        await say(good, type="subscribe", id=1, subscriptions=[])
        assert await hear(good) == {"type": "ok", "id": 1}
        assert hub.door.crowd.inside == len(hub.guests) == 1


async def test_a_mistake_while_it_is_told_of_a_job_closes_it_too(
    notifier: tuple[str, list[Hub]],
) -> None:
    url, (hub,) = notifier
    async with open_stream(url) as stream:
        await greet(stream, "good")
        (guest,) = hub.guests
        assert isinstance(guest, StreamConnection)
        assert guest._session is not None
        guest._session._follows = Cursed(GRANT, at_most=1, placed_within=5.0)

        guest.disturbed(JOB)

        assert await asyncio.wait_for(closed_with(stream), 5) == 4100
