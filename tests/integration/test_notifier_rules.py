"""Every rule of a stream on a real socket: its limits, its end, and the way out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from services.notifier.closes import Close
from shared.adapters.store_redis import AsyncRedisStore
from tests.eventually import eventually_async
from tests.following import closed_with, greet, hear, open_stream, refused_with, say
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

StartNotifier = Callable[..., NotifierProcess]
JOB = "0190c1f0-0000-7000-8000-000000000001"
QUICK = {"WAYMARK_TOKEN_GRACE_SECONDS": "0"}


async def counted(notifier: NotifierProcess, line: str) -> None:
    async def it_is() -> bool:
        _, text = await asyncio.to_thread(notifier.answer, "/metrics")
        return line in text

    await eventually_async(it_is, within=5)


# --- what makes a stream end, by its code


async def nothing(_stream: ClientConnection) -> None:
    pass


async def chatter(stream: ClientConnection) -> None:
    await greet(stream, token_for([JOB]))
    for _ in range(30):
        await say(stream, type="pong")


async def controls(stream: ClientConnection) -> None:
    await greet(stream, token_for([JOB]))
    with suppress(ConnectionClosed):
        for _ in range(30):
            await (await stream.ping())


async def welcomed(stream: ClientConnection) -> None:
    await greet(stream, token_for([JOB]))


async def short_token(stream: ClientConnection) -> None:
    await greet(stream, token_for([JOB], ttl=2))


async def huge_hello(stream: ClientConnection) -> None:
    await stream.send("x" * 2000)


async def huge_message(stream: ClientConnection) -> None:
    await greet(stream, token_for([JOB]))
    await stream.send("x" * 5000)


async def hello_with(stream: ClientConnection, token: str, version: int = 1) -> None:
    await say(stream, type="hello", version=version, token=token)


async def nonsense(stream: ClientConnection) -> None:
    await greet(stream, token_for([JOB]))
    for _ in range(10):
        await stream.send("nonsense")


SETTINGS = {
    "WAYMARK_HELLO_SECONDS": "0.5",
    "WAYMARK_HELLO_LIMIT": "1024",
    "WAYMARK_MESSAGE_LIMIT": "4096",
    "WAYMARK_MESSAGE_BURST": "20",
    "WAYMARK_PING_SECONDS": "60",
    "WAYMARK_HEARD_SECONDS": "90",
    "WAYMARK_IDLE_SECONDS": "2.5",
    "WAYMARK_TOKEN_GRACE_SECONDS": "0",
}
ENDS: list[tuple[Callable[[ClientConnection], Awaitable[None]], int]] = [
    (lambda stream: hello_with(stream, token_for([JOB]), version=2), 4000),
    (lambda stream: say(stream, type="pong"), 4001),
    (lambda stream: hello_with(stream, "no.such.token"), 4002),
    (lambda stream: hello_with(stream, token_for([])), 4003),
    (nonsense, 4005),
    (lambda stream: hello_with(stream, token_for([JOB], ttl=-5)), 4101),
    (short_token, 4101),
    (chatter, 4103),
    (controls, 4103),
    (nothing, 4105),
    (welcomed, 4106),
    (huge_hello, 1009),
    (huge_message, 1009),
]


async def test_each_end_has_its_code_and_is_counted(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url, **SETTINGS)

    async def end(deed: Callable[[ClientConnection], Awaitable[None]]) -> int:
        async with open_stream(notifier.url) as stream:
            await deed(stream)
            return await closed_with(stream)

    codes = await asyncio.gather(*(end(deed) for deed, _ in ENDS))

    assert codes == [code for _, code in ENDS]
    assert token_for([JOB]).partition(".")[0] not in notifier.log
    for code in set(codes):
        count = float(codes.count(code))
        await counted(notifier, f'waymark_notifier_closes_total{{code="{code}"}} {count}')


async def test_who_is_silent_or_old_is_sent_away(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(
        redis_url,
        WAYMARK_MAX_AGE_SECONDS="4", WAYMARK_PING_SECONDS="0.5", WAYMARK_HEARD_SECONDS="2.5",
    )  # fmt: skip
    async with open_stream(notifier.url) as silent, open_stream(notifier.url) as old:
        await greet(silent, token_for([JOB]))
        await greet(old, token_for([JOB]))
        with suppress(ConnectionClosed):
            while True:
                assert (await hear(old))["type"] == "ping"
                await say(old, type="pong")

        assert old.close_code == Close.MAX_AGE
        assert await closed_with(silent) == Close.NO_PONG


# --- how many there may be


async def test_too_many_of_a_token_or_a_tenant_are_4107_and_of_the_house_4102(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(
        redis_url,
        WAYMARK_MAX_STREAMS="4", WAYMARK_MAX_TENANT_STREAMS="3", WAYMARK_MAX_TOKEN_STREAMS="2",
    )  # fmt: skip
    shared = token_for([JOB], id="shared")

    async def enter(everybody: AsyncExitStack, token: str) -> ClientConnection:
        stream = await everybody.enter_async_context(open_stream(notifier.url))
        with suppress(ConnectionClosed):  # a full house does not wait for the hello
            await say(stream, type="hello", version=1, token=token)
        return stream

    async with AsyncExitStack() as everybody:
        for token in (shared, shared, token_for([JOB], id="other")):
            stream = await enter(everybody, token)
            assert (await hear(stream))["type"] == "welcome"
        assert await closed_with(await enter(everybody, shared)) == 4107
        assert await closed_with(await enter(everybody, token_for([JOB], id="third"))) == 4107
        stream = await enter(everybody, token_for([JOB], tenant="globex"))
        assert (await hear(stream))["type"] == "welcome"
        assert await closed_with(await enter(everybody, shared)) == 4102
        await stream.close()
        await counted(notifier, "waymark_notifier_connections 3.0")
        stream = await enter(everybody, token_for([JOB], tenant="globex"))
        assert (await hear(stream))["type"] == "welcome"


async def test_too_many_of_an_address_and_too_many_at_once_are_refused_before_the_upgrade(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(
        redis_url,
        WAYMARK_MAX_ADDRESS_STREAMS="1", WAYMARK_ACCEPT_RATE="0.5", WAYMARK_ACCEPT_BURST="3",
    )  # fmt: skip
    somebody, another = "8.8.8.8", "1.1.1.1"
    async with open_stream(notifier.url, {"X-Forwarded-For": f"10.0.0.1, {somebody}"}):
        assert await refused_with(notifier.url, **{"X-Forwarded-For": somebody}) == (429, "60")
        async with open_stream(notifier.url, {"X-Forwarded-For": another}):
            pass
        async with open_stream(notifier.url):  # from nowhere in particular
            assert await refused_with(notifier.url) == (503, "1")
    await counted(notifier, 'waymark_notifier_refusals_total{status="429"} 1.0')
    await counted(notifier, 'waymark_notifier_refusals_total{status="503"} 1.0')


# --- tokens


async def test_a_stream_lives_on_with_a_new_token_and_follows_what_it_allows(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier, store = start_notifier(redis_url, **QUICK), AsyncRedisStore(redis_url)
    kept, lost = MovingJob(store), MovingJob(store)
    await kept.submit()
    await lost.submit()
    async with open_stream(notifier.url) as stream:
        both = token_for([kept.id, lost.id], ttl=3)
        welcome = await greet(stream, both, {"job": kept.id}, {"job": lost.id})
        before = [await hear(stream) for _ in range(4)]
        warning = await hear(stream)
        await say(stream, type="auth", id=1, token=token_for([kept.id], tenant="globex"))
        foreign = await hear(stream)
        await say(stream, type="auth", id=2, token=token_for([kept.id], ttl=60))
        dropped, good = await hear(stream), await hear(stream)
        await asyncio.sleep(2)  # the first token is over now
        await lost.start()
        await kept.start()
        after = await hear(stream)

    assert welcome["expires_at"]
    assert sorted(frame["type"] for frame in before) == ["live", "live", "snapshot", "snapshot"]
    assert warning["type"] == "auth_expiring"
    assert warning["in_seconds"] <= 2
    assert (foreign["id"], foreign["code"]) == (1, "forbidden")
    assert (dropped["code"], dropped["job"]) == ("forbidden", lost.id)
    assert good == {"type": "ok", "id": 2}
    assert (after["job"], after["state"]) == (kept.id, "running")
    await store.close()


async def test_who_finds_gap_after_gap_is_told_to_forget_its_cursors(
    redis_url: str, start_notifier: StartNotifier
) -> None:
    notifier, store = (
        start_notifier(redis_url, WAYMARK_MAX_SUBSCRIPTIONS="1"),
        AsyncRedisStore(redis_url),
    )
    job = MovingJob(store)
    await job.submit()
    async with open_stream(notifier.url) as stream:
        await greet(stream, token_for([job.id]), {"job": job.id})
        place = {
            name: value
            for name, value in (await hear(stream)).items()
            if name in {"epoch", "revision", "step"}
        }
        for number in range(60):
            await say(stream, type="subscribe", id=number, subscriptions=[{"job": job.id, **place}])

        assert await closed_with(stream) == 4202
    await store.close()
