"""Server-sent events of a real notifier: what they tell, how they resume, whom they refuse."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.eventually import eventually
from tests.moving_jobs import MovingJob
from tests.nodes import Redis
from tests.notifier_process import NotifierProcess, token_for

StartNotifier = Callable[..., NotifierProcess]
WITHIN = 10.0


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


class Events:
    """What came: (event, id, data) each, without the comments."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments: list[str] = []
        self._lines = response.aiter_lines()

    async def hear(self) -> tuple[str, str, dict[str, Any]]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(WITHIN):
            async for line in self._lines:
                if not line and "data" in fields:
                    data = json.loads(fields["data"])
                    assert data["type"] == fields["event"]
                    return fields["event"], fields.get("id", ""), data
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
        raise EOFError

    async def types(self, count: int) -> list[str]:
        return [(await self.hear())[0] for _ in range(count)]

    async def to_the_end(self) -> list[tuple[str, str, dict[str, Any]]]:
        heard = []
        try:
            while True:
                heard.append(await self.hear())
        except EOFError:
            return heard


def address(notifier: NotifierProcess, name: str) -> str:
    path = "/v1/feed/events" if not name else f"/v1/jobs/{name}/events"
    return f"http://127.0.0.1:{notifier.port}{path}"


@asynccontextmanager
async def following(
    notifier: NotifierProcess, name: str, token: str, **headers: str
) -> AsyncIterator[Events]:
    sent = {
        "authorization": f"Bearer {token}",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    async with (
        httpx.AsyncClient(timeout=WITHIN) as client,
        client.stream("GET", address(notifier, name), headers=sent) as response,
    ):
        yield Events(response)


async def refused(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(timeout=WITHIN) as client:
        return await client.request(method, url, headers=sent)


async def test_a_job_is_followed_to_its_end(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with following(notifier, job.id, token_for([job.id])) as events:
        assert events.response.status_code == 200
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert events.response.headers["cache-control"] == "no-store"
        assert events.response.headers["x-accel-buffering"] == "no"
        assert await events.types(2) == ["snapshot", "live"]
        await job.start()
        await job.report()
        assert await events.types(2) == ["transition", "progress"]
        await job.succeed('{"text":"a\\nb"}')
        heard = await events.to_the_end()

    assert [kind for kind, *_ in heard] == ["transition"]
    assert heard[-1][2]["result"] == {"text": "a\nb"}
    assert heard[-1][1] == f"{heard[-1][2]['epoch']}-{heard[-1][2]['revision']}-3"
    assert events.comments == [": end"]


async def test_who_comes_again_gets_what_he_missed_and_then_no_content(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    token = token_for([job.id])
    await job.submit()
    async with following(notifier, job.id, token) as events:
        _, place, _ = await events.hear()
    await job.start()
    await job.succeed()
    async with following(notifier, job.id, token, last_event_id=place) as events:
        heard = await events.to_the_end()
    last = heard[1][1]

    assert [(kind, data.get("step")) for kind, _, data in heard] == [
        ("transition", 2),
        ("transition", 3),
        ("live", None),
    ]
    again = await refused(
        address(notifier, job.id), authorization=f"Bearer {token}", last_event_id=last
    )
    assert again.status_code == 204


async def test_an_id_of_another_epoch_begins_with_a_snapshot(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with following(
        notifier, job.id, token_for([job.id]), last_event_id="00000000-7-3"
    ) as events:
        assert await events.types(2) == ["snapshot", "live"]


async def test_the_feed_resumes_where_it_was_left(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url)
    first, second = MovingJob(store), MovingJob(store)
    token = token_for([], feed=True)
    await first.submit()
    async with following(notifier, "", token) as events:
        kind, place, data = await events.hear()
        assert (kind, data["recovered"], data["seq"]) == ("live", False, 1)
        await second.submit()
        kind, place, data = await events.hear()
        assert (data["job"], place) == (second.id, f"{data['epoch']}-2")
    await first.start()
    await first.report()
    await second.start()
    await first.succeed('{"rows":1}')
    async with following(notifier, "", token, last_event_id=place) as events:
        heard = [await events.hear() for _ in range(4)]

    assert [(data.get("job"), data.get("step")) for _, _, data in heard] == [
        (first.id, 2),
        (second.id, 2),
        (first.id, 3),
        (None, None),
    ]
    assert heard[2][2]["result"] == {"rows": 1}
    assert heard[3][2]["recovered"] is True


async def test_a_feed_that_cannot_be_resumed_says_so(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with following(
        notifier, "", token_for([], feed=True), last_event_id="00000000-7"
    ) as events:
        reset, live = await events.hear(), await events.hear()

    assert (reset[0], reset[2]["why"]) == ("reset", "epoch_changed")
    assert (live[0], live[2]["seq"]) == ("live", 1)


async def test_a_notifier_that_goes_away_ends_the_events(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url), MovingJob(store)
    await job.submit()
    async with following(notifier, job.id, token_for([job.id])) as events:
        assert await events.types(2) == ["snapshot", "live"]
        notifier.terminate()
        assert await events.to_the_end() == []
    assert notifier.stop() == 0


async def test_whom_the_events_are_not_for_is_told_why(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job, nobodys = start_notifier(redis_url), MovingJob(store), str(uuid4())
    await job.submit()
    url, good = address(notifier, job.id), f"Bearer {token_for([job.id, nobodys])}"
    strangers = f"Bearer {token_for([job.id], tenant='other')}"
    expired = f"Bearer {token_for([job.id], ttl=-60)}"
    answers = [
        (await refused(url), 401, "unauthenticated"),
        (await refused(url, authorization="Bearer nonsense"), 401, "invalid-token"),
        (await refused(url, authorization=expired), 401, "token-expired"),
        (await refused(address(notifier, str(uuid4())), authorization=good), 403, "forbidden"),
        (await refused(address(notifier, ""), authorization=good), 403, "forbidden"),
        (await refused(address(notifier, nobodys), authorization=good), 404, "job-not-found"),
        (await refused(address(notifier, "x"), authorization=good), 404, "job-not-found"),
        (await refused(url, authorization=strangers), 404, "job-not-found"),
        (await refused(url, authorization=good, last_event_id="x"), 400, "bad-header"),
        (await refused(url, authorization=good, origin="https://evil.example"), 403,
         "origin-refused"),
    ]  # fmt: skip

    for answer, status, code in answers:
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status)
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(problem) == {
            "type", "title", "status", "detail", "code", "request_id", "retryable", "errors",
        }  # fmt: skip


async def test_a_page_of_an_allowed_origin_may_ask(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier = start_notifier(redis_url, WAYMARK_ORIGINS="https://app.example")
    job = MovingJob(store)
    await job.submit()
    page = "https://app.example"
    preflight = await refused(
        address(notifier, job.id), "OPTIONS", origin=page, access_control_request_method="GET"
    )

    assert preflight.status_code == 204
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-allow-origin"] == page
    async with following(notifier, job.id, token_for([job.id]), origin=page) as events:
        assert events.response.headers["access-control-allow-origin"] == page


async def test_events_are_counted_with_the_other_connections(
    redis_url: str, store: AsyncRedisStore, start_notifier: StartNotifier
) -> None:
    notifier, job = start_notifier(redis_url, WAYMARK_MAX_TOKEN_STREAMS="1"), MovingJob(store)
    await job.submit()
    token = token_for([job.id], id="tok")
    async with following(notifier, job.id, token) as events:
        assert await events.types(2) == ["snapshot", "live"]
        second = await refused(address(notifier, job.id), authorization=f"Bearer {token}")
        assert (second.status_code, second.headers["retry-after"]) == (429, "60")
    eventually(
        lambda: "waymark_notifier_connections 0.0" in notifier.answer("/metrics")[1], within=5
    )
    async with following(notifier, job.id, token) as events:
        assert await events.types(2) == ["snapshot", "live"]


async def test_a_store_that_is_away_is_503(
    new_redis: Callable[[], Redis], start_notifier: StartNotifier
) -> None:
    node = new_redis()
    notifier, job = start_notifier(node.url), str(uuid4())
    node.stop()
    answer = await refused(address(notifier, job), authorization=f"Bearer {token_for([job])}")

    assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
    assert answer.headers["retry-after"]
