"""A real gateway on real nodes: the rows of DESIGN section 5, one process for all tests here."""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from shared.adapters.store_redis import AsyncRedisStore, RedisRegistry
from shared.contracts.commands import RunJob
from shared.contracts.operations import Claim, Read
from tests.eventually import eventually, eventually_async
from tests.fakes.gateway import DEV, a_key, as_key
from tests.fakes.registry import a_worker, an_entry
from tests.integration.gateway_running import A_JOB, Broker, RunningGateway, gateway_for
from tests.nodes import Rabbit, Redis

LONGER_THAN_ALL_OF_THIS = 600_000  # ms: the sweeper hands nobody's job out again in a later test


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_for("test-gateway-over-http", rabbitmq, redis_node, folder) as running:
        yield running


@pytest.fixture
def broker(gateway: RunningGateway) -> Broker:
    broker = Broker(gateway.amqp_url)
    broker.jobs()
    return broker


@pytest.fixture
async def http(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client() as client:
        yield client


@pytest.fixture
async def store(gateway: RunningGateway) -> AsyncIterator[AsyncRedisStore]:
    store = AsyncRedisStore(gateway.redis_url)
    yield store
    await store.close()


async def test_an_accepted_job_is_in_the_queue_and_can_be_read(
    http: httpx.AsyncClient, broker: Broker
) -> None:
    text = '{"steps": 1, "rest": [123456789012345678901234567890, 1.10, []]}'
    answer = await http.post(
        "/v1/jobs",
        content=f'{{"type":"demo.steps","payload":{text},"priority":9}}',
        headers={"content-type": "application/json"},
    )

    job = answer.json()
    again = await http.get(f"/v1/jobs/{job['id']}")
    assert (answer.status_code, again.status_code) == (202, 200)
    assert text in again.text
    assert answer.headers["etag"] == again.headers["etag"]
    assert broker.jobs("waymark.default.high") == [job["id"]]


async def test_a_delayed_job_waits_on_the_ladder(http: httpx.AsyncClient, broker: Broker) -> None:
    answer = await http.post("/v1/jobs", json=A_JOB | {"delay_seconds": 1})
    accepted = time.monotonic()

    assert (answer.status_code, answer.json()["state"]) == (202, "scheduled")
    assert not broker.jobs()
    assert eventually(broker.jobs) == [answer.json()["id"]]
    assert 0.7 < time.monotonic() - accepted < 3


async def test_fifty_equal_requests_at_once_through_two_gateways_make_one_job(
    gateway: RunningGateway, http: httpx.AsyncClient, broker: Broker, tmp_path: Path
) -> None:
    another = RunningGateway(tmp_path, redis_url=gateway.redis_url, amqp_url=gateway.amqp_url)
    another.start()
    try:
        await another.until_ready()
        headers = {"idempotency-key": '"fifty"'}
        async with another.client() as elsewhere:
            answers = await asyncio.gather(
                *(
                    client.post("/v1/jobs", json=A_JOB, headers=headers)
                    for client in [http, elsewhere] * 25
                )
            )
            last = await elsewhere.post("/v1/jobs", json=A_JOB, headers=headers)
    finally:
        another.kill()

    assert {answer.status_code for answer in answers} <= {202, 409}
    accepted = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert accepted == {last.json()["id"]}
    assert last.headers["idempotent-replayed"] == "true"
    assert set(broker.jobs()) == accepted


async def test_a_running_job_is_cancelled_by_request(
    http: httpx.AsyncClient, store: AsyncRedisStore
) -> None:
    job = (await http.post("/v1/jobs", json=A_JOB)).json()["id"]
    record = await store.do(Read(tenant="dev", job=job))
    assert record is not None
    claim = Claim(
        tenant="dev",
        message=RunJob.of(record),
        token="c" * 32,
        worker="w1",
        lease=LONGER_THAN_ALL_OF_THIS,
    )
    await store.do(claim)

    first = await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 5})
    again = await http.post(f"/v1/jobs/{job}/cancel")

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["cancel_requested_at"] == again.json()["cancel_requested_at"]


async def test_a_long_poll_hears_of_a_change_when_it_happens(
    http: httpx.AsyncClient, store: AsyncRedisStore
) -> None:
    accepted = await http.post("/v1/jobs", json=A_JOB)
    job = accepted.json()["id"]
    headers = {"if-none-match": accepted.headers["etag"], "prefer": "wait=20"}
    polling = asyncio.create_task(http.get(f"/v1/jobs/{job}", headers=headers))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.shield(polling)
    record = await store.do(Read(tenant="dev", job=job))
    assert record is not None
    await store.do(
        Claim(
            tenant="dev",
            message=RunJob.of(record),
            token="d" * 32,
            worker="w1",
            lease=LONGER_THAN_ALL_OF_THIS,
        )
    )

    async with asyncio.timeout(3):
        answer = await polling
    assert (answer.status_code, answer.json()["state"]) == (200, "running")


async def test_who_waits_is_answered_when_the_gateway_goes(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    another = RunningGateway(tmp_path, redis_url=gateway.redis_url, amqp_url=gateway.amqp_url)
    another.start()
    await another.until_ready()
    patient = {"prefer": "wait=30"}
    async with another.client() as http:
        known = await http.post("/v1/jobs", json=A_JOB)
        address, tag = f"/v1/jobs/{known.json()['id']}", known.headers["etag"]
        waits = [
            asyncio.create_task(http.get(address, headers={"if-none-match": tag, **patient})),
            asyncio.create_task(
                http.post("/v1/jobs", json=A_JOB | {"labels": {"who": "waits"}}, headers=patient)
            ),
        ]

        async def both_are_in() -> bool:
            jobs = await http.get("/v1/jobs", params={"label.who": "waits"})
            return len(jobs.json()["data"]) == 1

        await eventually_async(both_are_in, within=10)

        status = await asyncio.to_thread(another.stop)
        answers = await asyncio.gather(*waits)

    assert [answer.status_code for answer in answers] == [304, 202]
    assert status == 0


async def test_a_waiting_job_is_cancelled_at_once(http: httpx.AsyncClient) -> None:
    job = (await http.post("/v1/jobs", json=A_JOB)).json()["id"]

    answers = [await http.post(f"/v1/jobs/{job}/cancel") for _ in range(2)]

    assert [(a.status_code, a.json()["state"]) for a in answers] == [(200, "cancelled")] * 2


async def test_pages_hold_every_job_once_newest_first(http: httpx.AsyncClient) -> None:
    jobs = [(await http.post("/v1/jobs", json=A_JOB)).json()["id"] for _ in range(5)]

    seen: list[str] = []
    answer = await http.get("/v1/jobs?limit=2")
    while len(seen) < 5:
        seen += [job["id"] for job in answer.json()["data"]]
        answer = await http.get(answer.links["next"]["url"])

    assert seen[:5] == sorted(jobs, reverse=True)


async def test_tenants_are_walls(http: httpx.AsyncClient) -> None:
    job = (await http.post("/v1/jobs", json=A_JOB)).json()["id"]
    theirs = {"authorization": as_key("other")}

    assert (await http.get(f"/v1/jobs/{job}", headers=theirs)).status_code == 404
    assert (await http.post(f"/v1/jobs/{job}/cancel", headers=theirs)).status_code == 404
    minted = await http.post("/v1/tokens", json={"jobs": [job]}, headers=theirs)
    assert minted.status_code == 404
    assert (await http.get("/v1/jobs", headers=theirs)).json()["data"] == []


async def test_a_new_key_is_valid_without_a_restart(
    gateway: RunningGateway, http: httpx.AsyncClient
) -> None:
    keys = gateway.log.with_name("keys.json")
    newcomer = {"authorization": as_key("newcomer")}
    assert (await http.get("/v1/jobs", headers=newcomer)).status_code == 401

    keys.write_text(json.dumps([*json.loads(keys.read_text()), a_key("newcomer", tenant="dev")]))

    def known() -> bool:
        answer = httpx.get(f"{gateway.url}/v1/jobs", headers=newcomer, trust_env=False)
        return answer.status_code == 200

    assert eventually(known)


async def test_what_cannot_be_read_as_json_gets_a_problem(http: httpx.AsyncClient) -> None:
    json_type = {"content-type": "application/json"}
    packed = {**json_type, "content-encoding": "gzip"}
    good = json.dumps(A_JOB).encode()

    statuses = [
        (await http.post("/v1/jobs", content=content, headers=headers)).status_code
        for content, headers in (
            (b'{"type":"demo.steps","payload":{"steps":NaN}}', json_type),
            (b"[" * 200_000, json_type),
            (b" " * (2 << 20), json_type),
            (gzip.compress(good), packed),
            (good, {"content-type": "text/plain"}),
            (b'{"type":"demo.steps","type":"demo.steps","payload":{}}', json_type),
        )
    ]

    assert statuses == [400, 422, 413, 415, 415, 400]


def test_a_body_without_a_length_is_cut_off_at_its_limit(gateway: RunningGateway) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {as_key('dev')}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(head.encode())
        try:
            for _ in range(64):  # 4 MiB, of which one is read
                client.sendall(chunk)
        except OSError:
            pass
        status = client.makefile("rb").readline()

    assert b" 413 " in status


async def test_a_websocket_is_not_found_here(http: httpx.AsyncClient) -> None:
    answer = await http.get(
        "/v1/stream",
        headers={
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_a_client_that_hangs_up_is_no_mistake_of_ours(gateway: RunningGateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\nAuthorization: " + DEV.encode() + b'\r\n\r\n{"type'
        )

    counted = 'method="POST",route="/v1/jobs",status="400"'
    assert eventually(lambda: counted in gateway.get("/metrics").text)
    assert "waymark_http_unexpected_errors_total 0.0" in gateway.get("/metrics").text


async def test_a_message_that_was_given_up_is_filed(
    http: httpx.AsyncClient, broker: Broker, gateway: RunningGateway
) -> None:
    before = filed(gateway, "publish")
    job = (await http.post("/v1/jobs", json=A_JOB)).json()["id"]

    broker.reject_one()

    # nobody recorded a failure: the archivist gives the job a new message
    eventually(lambda: filed(gateway, "publish") == before + 1, within=10)
    assert eventually(broker.jobs) == [job]
    assert broker.depth("waymark.dead") == 0


def test_a_message_that_nobody_can_decode_is_kept_for_an_operator(
    broker: Broker, gateway: RunningGateway, redis_node: Redis
) -> None:
    broker.publish("waymark.dead", b"\x00\x01 not ours")

    eventually(lambda: filed(gateway, "undecodable") == 1, within=10)
    with redis.Redis.from_url(redis_node.url) as keeper:
        assert keeper.zcard("wm:{_platform}:undecodables") == 1


async def test_the_page_of_docs_and_the_description_are_there(http: httpx.AsyncClient) -> None:
    assert "openapi.json" in (await http.get("/docs")).text
    assert (await http.get("/openapi.json")).json()["openapi"].startswith("3.1")


def filed(gateway: RunningGateway, verdict: str) -> float:
    name = f'waymark_dead_letter_queue_messages_total{{verdict="{verdict}"}} '
    for line in gateway.get("/metrics").text.splitlines():
        if line.startswith(name):
            return float(line.removeprefix(name))
    raise AssertionError(name)


async def test_fifty_requests_at_once_with_one_unique_key_make_one_job(
    http: httpx.AsyncClient, broker: Broker
) -> None:
    body = A_JOB | {"unique_key": "order-50"}
    answers = await asyncio.gather(*(http.post("/v1/jobs", json=body) for _ in range(50)))
    refused = await http.post("/v1/jobs", json=body | {"on_conflict": "reject"})

    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    [job] = {answer.json()["id"] for answer in answers}
    assert broker.jobs() == [job], "one message, too"
    assert (refused.status_code, refused.json()["job_id"]) == (409, job)


async def test_an_ended_job_goes_when_its_type_says_and_is_in_no_list(
    gateway: RunningGateway, http: httpx.AsyncClient
) -> None:
    registry = RedisRegistry(gateway.redis_url)
    await registry.announce(a_worker(), [an_entry(), an_entry("demo.brief", retention=1)])
    await registry.close()
    body = A_JOB | {"type": "demo.brief", "labels": {"goes": "soon"}}

    async def submitted() -> str:
        answer = await http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    job = await eventually_async(submitted)
    await http.post(f"/v1/jobs/{job}/cancel")

    async def listed() -> list[str]:
        page = (await http.get("/v1/jobs?label.goes=soon&state=cancelled")).json()
        return [one["id"] for one in page["data"]]

    assert await listed() == [job]

    async def gone() -> bool:
        return (await http.get(f"/v1/jobs/{job}")).status_code == 404

    await eventually_async(gone, within=20)
    assert await listed() == []
