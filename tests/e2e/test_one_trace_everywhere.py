"""One traceparent that a client sends is found in every part that its job comes by."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pika
import websockets
from pika.adapters.blocking_connection import BlockingChannel

from deploy.local.house import House
from docs.log_lines import STEPS
from tests.collector import Collector, Exported
from tests.e2e.outside import Gateway
from tests.eventually import eventually, eventually_async
from tests.integration.webhook_receivers import receiver

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CLIENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{CLIENT}-01"
TRACESTATE = "congo=t61rcWkgMzE"
LADDER = [f"waymark.delay.{level}" for level in range(8)]


@contextmanager
def tapped_ladder(house: House) -> Iterator[BlockingChannel]:
    """A queue of ours that gets a copy of whatever has to wait before it is delivered."""
    connection = pika.BlockingConnection(pika.URLParameters(house.dev_env["WAYMARK_AMQP_URL"]))
    try:
        channel = connection.channel()
        channel.queue_declare("tap", exclusive=True)
        for exchange in LADDER:
            channel.queue_bind("tap", exchange, "#")
        yield channel
    finally:
        connection.close()


def message_of(channel: BlockingChannel, job: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The headers and the body of the first copy of a job's message."""

    def found() -> tuple[dict[str, Any], dict[str, Any]]:
        while True:
            method, properties, body = channel.basic_get("tap", auto_ack=True)
            assert method is not None
            assert properties is not None
            assert body is not None
            if properties.message_id == job:
                return dict(properties.headers or {}), json.loads(body)

    return eventually(found)


async def told_on_socket(url: str, token: str, job: str) -> list[dict[str, Any]]:
    """Every frame about a job until its end."""
    frames: list[dict[str, Any]] = []
    subprotocol = websockets.Subprotocol("waymark.v1")
    async with websockets.connect(url, subprotocols=[subprotocol]) as socket:
        subscriptions = [{"job": job}]
        hello = {"type": "hello", "version": 1, "token": token, "subscriptions": subscriptions}
        await socket.send(json.dumps(hello))
        async for text in socket:
            frame = json.loads(text)
            if frame.get("job") == job and frame["type"] in {"snapshot", "transition"}:
                frames.append(frame)
                if frame["state"] == "succeeded":
                    return frames
    return frames


async def told_as_events(url: str, token: str) -> list[dict[str, Any]]:
    """Every event of a job's server-sent events until its end."""
    async with (
        httpx.AsyncClient(timeout=30) as http,
        http.stream("GET", url, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        assert answer.status_code == 200
        lines = [line async for line in answer.aiter_lines()]
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    return [event for event in events if event["type"] in {"snapshot", "transition"}]


async def test_one_trace_is_found_everywhere(
    house: House, gateway: Gateway, http: httpx.AsyncClient, collector: Collector
) -> None:
    with receiver() as ours, tapped_ladder(house) as tap:
        answer = await http.post(
            "/v1/jobs",
            json={
                "type": "demo.steps",
                "payload": {"steps": 2, "seconds_per_step": 0.1, "fail_times": 1},
                "callback_url": ours.url,
            },
            headers={"traceparent": TRACEPARENT, "tracestate": TRACESTATE},
        )
        assert answer.status_code == 202, answer.text
        job, access = answer.json(), answer.json()["access"]
        on_socket, as_events = await asyncio.gather(
            told_on_socket(access["stream_url"], access["token"], job["id"]),
            told_as_events(job["links"]["events"], access["token"]),
        )

        async def webhook_heard() -> bool:
            return bool(ours.heard)

        await eventually_async(webhook_heard, within=30)
        headers, body = await asyncio.to_thread(message_of, tap, job["id"])

    assert "retrying" in {frame["state"] for frame in on_socket}
    told = [*on_socket, *as_events]
    assert {frame["traceparent"][3:35] for frame in told} == {TRACE_ID}
    parents = [headers["traceparent"], body["options"]["traceparent"]]
    assert {parent[3:35] for parent in parents} == {TRACE_ID}
    assert headers["tracestate"] == body["options"]["tracestate"] == TRACESTATE
    webhook = ours.heard[0].headers
    assert webhook["traceparent"][3:35] == TRACE_ID
    assert webhook["tracestate"] == TRACESTATE
    assert ("job_accepted", 0) in steps_told(house, "gateway", job["id"])
    assert steps_told(house, "worker", job["id"]) == STEPS_AT_WORK
    assert "job_watched" in told_by(house, "notifier", job_id=job["id"])
    assert "job_succeeded" in told_by(house, "worker", type="webhook.deliver")
    assert drawn(await every_span(collector, job["id"])) == WANTED
    assert of_name(collector, "POST")[0].span_id == webhook["traceparent"][36:52]
    assert {span.state for span in collector.of(TRACE_ID)} == {TRACESTATE}
    first, second = (of_name(collector, f"attempt {number}")[0] for number in (1, 2))
    assert (first.links, second.links) == ((), (first.span_id,))
    assert (first.failed, second.failed) == (True, False)


WANTED = [
    "gateway server POST /v1/jobs",
    "  gateway producer publish waymark.default",
    "    worker consumer process waymark.default",
    "      worker internal attempt 1",
    "      worker client settle",
    "    worker consumer process waymark.default",
    "      worker internal attempt 2",
    "      worker client settle",
    "    worker consumer process waymark.webhooks",
    "      worker internal attempt 1",
    "        worker client POST",
    "      worker client settle",
]


STEPS_AT_WORK = [
    ("job_started", 1),
    ("job_retrying", 1),
    ("job_started", 2),
    ("job_succeeded", 2),
]


def lines_of_trace(house: House, service: str) -> list[dict[str, Any]]:
    """What a service has logged of the trace."""
    lines = [json.loads(text) for text in house.service(service).log_text().splitlines()]
    return [line for line in lines if line.get("trace_id") == TRACE_ID]


def told_by(house: House, service: str, **facts: object) -> list[str]:
    """The events of a service's lines of the trace that say this."""
    lines = lines_of_trace(house, service)
    return [line["event"] for line in lines if facts.items() <= line.items()]


def steps_told(house: House, service: str, job: str) -> list[tuple[str, int]]:
    """The steps of a job as a service's log tells them, with their attempts."""
    lines = lines_of_trace(house, service)
    steps = [line for line in lines if line["event"] in STEPS and line["job_id"] == job]
    for line in steps:
        assert (line["tenant"], line["type"], line["queue"]) == ("dev", "demo.steps", "default")
        assert line["submitted_by"].startswith("key:")
    return [(line["event"], line["attempt"]) for line in steps]


async def every_span(collector: Collector, job: str) -> list[Exported]:
    """The spans of the trace, once all are there."""

    async def all_there() -> bool:
        found = collector.of(TRACE_ID)
        assert len(found) >= len(WANTED), [span.name for span in found]
        return True

    await eventually_async(all_there, within=15)
    return collector.of(TRACE_ID)


def of_name(collector: Collector, name: str) -> list[Exported]:
    """The spans of the trace of that name, in the order of their beginnings."""
    found = [span for span in collector.of(TRACE_ID) if span.name == name]
    return sorted(found, key=lambda span: span.began_at)


def drawn(spans: list[Exported]) -> list[str]:
    """A tree of spans, from the client's on; each with its service and kind."""

    def below(parent: str, depth: int) -> list[str]:
        lines = []
        children = [span for span in spans if span.parent == parent]
        for span in sorted(children, key=lambda one: (one.began_at, one.name)):
            lines.append(f"{'  ' * depth}{span.service} {span.kind} {span.name}")
            lines += below(span.span_id, depth + 1)
        return lines

    return below(CLIENT, 0)
