"""The express answers as the app would; and what is not plain is the app's."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway, as_key
from tests.integration.express_line import (
    House,
    Reply,
    clerk_of,
    counts,
    holds,
    house,
    request,
    settled,
)

PLAIN = {"type": "demo.steps", "payload": {"steps": 3}}
A_KEY = "idempotency-key: k-1"


def a_body(**more: object) -> bytes:
    return json.dumps({**PLAIN, **more}).encode()


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


@asynccontextmanager
async def opened(gateway: FakeGateway, **options: object) -> AsyncIterator[House]:
    """A house whose gateway knows its job types."""
    await warm(gateway)
    async with house(gateway, **options) as one:
        yield one


async def warm(gateway: FakeGateway) -> None:
    """Let it look up what it knows from then on: its types, and a grant for each bucket."""
    of_platform = {"authorization": as_key("sre"), "waymark_tenant": "dev"}
    for headers in ({}, of_platform):
        assert (await gateway.submit(**headers)).status_code == 202


def of_app(answer: httpx.Response) -> Reply:
    headers = [(name.lower(), text) for name, text in answer.headers.multi_items()]
    return Reply(answer.status_code, headers, answer.content)


def told(reply: Reply) -> tuple[int, list[tuple[str, str]], str]:
    """What an answer says, whoever gives it. The date is the server's, not the app's."""
    size = str(len(settled(reply.body.decode())))
    headers = sorted(
        (name, size if name == "content-length" else settled(text))
        for name, text in reply.headers
        if name != "date"
    )
    return reply.status, headers, settled(reply.body.decode())


async def by_app(gateway: FakeGateway, raw: bytes) -> Reply:
    """Ask the app itself, without a socket."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = [(n, v) for n, _, v in (line.partition(": ") for line in lines[1:])]
    method = lines[0].split(" ")[0]
    async with httpx.AsyncClient(
        transport=gateway.client._transport, base_url="http://api.test"
    ) as bare:
        return of_app(await bare.request(method, "/v1/jobs", content=body, headers=headers))


TAKEN = {
    "a plain one": [request(a_body())],
    "white space around it": [request(b" \n" + a_body() + b"\t")],
    "everything a job may say": [
        request(
            a_body(
                queue="bulk", priority=9, labels={"order": 'Ä "17"', "b": ""}, max_attempts=7,
                delay_seconds=90, expires_at="2099-01-01T00:00:00Z", unique_key='o"1',
                callback_url="https://hooks.example.com/x?y=%22",
            )
        )
    ],
    "one that has to wait": [request(a_body(run_at="2099-01-01T00:00:00+02:00"))],
    "a repeat by key": [request(a_body(), A_KEY), request(a_body(), A_KEY)],
    "a key bound to something else": [
        request(a_body(), A_KEY), request(a_body(priority=1), A_KEY),
    ],
    "a quoted key": [request(a_body(), 'idempotency-key: "k\\"2"')],
    "a unique key that is held": [
        request(a_body(unique_key="u")), request(a_body(unique_key="u")),
    ],
    "a unique key that is refused": [
        request(a_body(unique_key="u")), request(a_body(unique_key="u", on_conflict="reject")),
    ],
    "a name for the request": [request(a_body(), "x-request-id: mine:1")],
    "a name that is none": [request(a_body(), "x-request-id: not mine")],
    "a key that may only submit": [
        request(a_body(callback_url="https://hooks.example.com/"), key="submitter")
    ],
    "a platform's key": [request(a_body(), "waymark-tenant: dev", key="sre")],
    "headers that mean nothing here": [
        request(a_body(), "accept: */*", "accept-encoding: gzip", "connection: keep-alive")
    ],
    "a trace": [
        request(a_body(), "traceparent: 00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    ],
    "in chunks, at once": [
        request(
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(a_body()), a_body()), "transfer-encoding: chunked"
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("raw", TAKEN.values(), ids=TAKEN.keys())
async def test_what_it_takes_is_answered_as_the_app_would(
    tmp_path: Path, raw: Sequence[bytes]
) -> None:
    here, there = FakeGateway(tmp_path), FakeGateway(tmp_path)
    async with opened(here) as served:
        await warm(there)
        line = await served.line()
        for one in raw:
            chunked = b"transfer-encoding" in one
            plain = request(a_body()) if chunked else one

            assert told(await line.ask(one)) == told(await by_app(there, plain))
        assert served.clerk.taken == len(raw)
    assert counts(here) == counts(there)


LEFT = {
    "no JSON": request(b"{"),
    "another type of body": request(a_body()).replace(b"application/json", b"text/plain"),
    "an encoded body": request(a_body(), "content-encoding: gzip"),
    "an unknown type": request(a_body(type="demo.none")),
    "a payload that does not fit": request(a_body(payload={"steps": "x"})),
    "an unknown queue": request(a_body(queue="nowhere")),
    "an unknown field": request(a_body(more=1)),
    "a wrong key": request(a_body(), key="nobody"),
    "a key that may only read": request(a_body(), key="reader"),
    "a platform's key without a tenant": request(a_body(), key="sre"),
    "a tenant's key that names one": request(a_body(), "waymark-tenant: other"),
    "a bad Idempotency-Key": request(a_body(), "idempotency-key: a b"),
    "a page of another origin": request(a_body(), "origin: https://elsewhere.example"),
    "somebody who waits": request(a_body(), "prefer: wait=1"),
    "another method": request(a_body(), method="PUT"),
    "a number beyond doubles": request(a_body().replace(b"3", b"1e999")),
}


@pytest.mark.parametrize("raw", LEFT.values(), ids=LEFT.keys())
async def test_what_is_out_of_the_ordinary_is_the_app_s(tmp_path: Path, raw: bytes) -> None:
    here, there = FakeGateway(tmp_path), FakeGateway(tmp_path)
    async with opened(here) as served:
        await warm(there)
        line = await served.line()

        assert told(await line.ask(raw)) == told(await by_app(there, raw))
        assert served.clerk.taken == 0
        assert (await line.ask(request(a_body()))).status == 202, "the connection goes on"


async def test_a_body_that_comes_in_parts_is_the_app_s(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        line = await served.line()
        raw = request(a_body())
        for cut in (10, len(raw) - len(a_body()), len(raw) - 5):
            taken = served.clerk.taken
            assert (await line.ask(raw[:cut], raw[cut:])).status == 202
            assert served.clerk.taken == taken + (cut == 10), "what came with one read is plain"


async def test_expectations_and_old_versions_are_the_app_s(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        line = await served.line()
        assert (await line.ask(request(a_body(), "expect: 100-continue"))).status in {100, 202}
        old = await served.line()
        assert (await old.ask(request(a_body(), version="1.0"))).status == 202
        last = await served.line()
        reply = await last.ask(request(a_body(), "connection: close"))
        assert (reply.status, reply.header("connection")) == (202, "close")
        assert await last.ends()
        assert served.clerk.taken == 0


async def test_requests_of_one_write_are_answered_in_turn(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        line = await served.line()
        names = [f"n{number}" for number in range(6)]
        many = [request(a_body(), f"x-request-id: {name}") for name in names]
        many[3] = many[3].replace(b"POST", b"GET")
        line.writer.write(b"".join(many))

        replies = [await line.reply() for _ in names]

    assert [reply.header("x-request-id") for reply in replies] == names
    assert [reply.status for reply in replies] == [202, 202, 202, 200, 202, 202]


async def test_who_hangs_up_has_a_job_all_the_same(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        gateway.publisher.frozen = True
        line = await served.line()
        line.writer.write(request(a_body()))
        await eventually_async(lambda: holds(served.clerk.taken == 1))
        line.writer.close()
        await line.writer.wait_closed()
        gateway.publisher.frozen = False
        sent = len(gateway.publisher.sent)

        await eventually_async(lambda: holds(len(gateway.publisher.sent) == sent))
        other = await served.line()
        assert (await other.ask(request(a_body()))).status == 202


async def test_a_broker_that_is_away_is_503_and_names_the_job(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        gateway.publisher.frozen = True
        line = await served.line()

        reply = await line.ask(request(a_body(), A_KEY))

        problem = json.loads(reply.body)
        assert (reply.status, problem["code"]) == (503, "temporarily-unavailable")
        assert problem["job_id"]
        assert reply.header("retry-after")
        assert problem["request_id"] == reply.header("x-request-id")
        assert served.clerk.taken == 1


async def test_a_mistake_of_ours_is_500_is_told_and_ends_nothing(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        line = await served.line()
        gateway.publisher.failure = ZeroDivisionError()
        with capture_logs() as logs:
            reply = await line.ask(request(a_body(), "x-request-id: mine"))
        gateway.publisher.failure = None

        assert (reply.status, json.loads(reply.body)["code"]) == (500, "internal")
        assert gateway.count("waymark_http_unexpected_errors_total") == 1
        [crash] = [entry for entry in logs if entry["event"] == "request_crashed"]
        assert crash["request_id"] == "mine"
        assert (await line.ask(request(a_body()))).status == 202


async def test_a_mistake_of_the_clerk_s_is_not_the_client_s(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        line = await served.line()
        served.clerk.mistake = ZeroDivisionError()
        with capture_logs() as logs:
            reply = await line.ask(request(a_body()))

        assert reply.status == 202, "the app answers"
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
            "express_broke"
        ]


async def test_a_full_gateway_sheds_and_the_express_adds_nothing_to_it(
    gateway: FakeGateway,
) -> None:
    async with opened(gateway) as served:
        gateway.publisher.frozen = True
        lines = [await served.line() for _ in range(101)]
        for line in lines[:100]:
            line.writer.write(request(a_body()))
        await eventually_async(lambda: holds(served.clerk.taken == 100))

        reply = await lines[100].ask(request(a_body()))

        assert (reply.status, json.loads(reply.body)["code"]) == (503, "overloaded")
        assert served.clerk.taken == 100
        assert {(await line.reply()).status for line in lines[:100]} == {503}
        gateway.publisher.frozen = False
        assert (await lines[0].ask(request(a_body()))).status == 202


async def test_who_asks_while_the_house_closes_is_answered_and_told(gateway: FakeGateway) -> None:
    async with opened(gateway) as served:
        gateway.publisher.frozen = True
        line = await served.line()
        line.writer.write(request(a_body(), A_KEY))
        await eventually_async(lambda: holds(served.clerk.taken == 1))

        stopping = asyncio.create_task(served.served.stop())
        reply = await line.reply()

        assert (reply.status, reply.header("connection")) == (503, "close")
        assert await line.ends()
        await stopping


async def test_an_idle_connection_is_closed_after_a_while(gateway: FakeGateway) -> None:
    async with opened(gateway, timeout_keep_alive=1) as served:
        line = await served.line()
        assert (await line.ask(request(a_body()))).status == 202

        assert await line.ends()


async def test_a_revoked_key_is_known_no_longer(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path)
    async with opened(gateway) as served:
        line = await served.line()
        assert (await line.ask(request(a_body()))).status == 202
        keys = tmp_path / "keys.json"
        left = [key for key in json.loads(keys.read_text()) if key["id"] != "dev"]
        keys.write_text(json.dumps(left))

        async def refused() -> bool:
            return (await line.ask(request(a_body()))).status == 401

        await eventually_async(refused)


def test_the_express_is_part_of_every_gateway(gateway: FakeGateway) -> None:
    assert clerk_of(gateway).target == b"/v1/jobs"
