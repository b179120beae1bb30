"""G1-G10: what clients see of a house in trouble. A 202 is kept, everything else is honest.

The crash points of a submit (G1, G3) are in test_crash_points.py.
"""

import asyncio
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.eventually import eventually_async
from tests.faults.stage import BOTH_WORKERS, Stage

pytestmark = pytest.mark.slow

PROMISE_SECONDS = 3.0
MEGABYTE = 1024 * 1024


@contextmanager
def alarm(stage: Stage, kind: str) -> Iterator[None]:
    """Raise a resource alarm of the broker for as long as the context is open."""
    raise_it, clear_it = {
        "memory": (
            ("set_vm_memory_high_watermark", "absolute", "1MB"),
            ("set_vm_memory_high_watermark", "0.4"),
        ),
        "disk": (("set_disk_free_limit", "900GB"), ("set_disk_free_limit", "64MB")),
    }[kind]
    stage.rabbitmq.ctl(*raise_it)
    try:
        yield
    finally:
        stage.rabbitmq.ctl(*clear_it)


@contextmanager
def policy(stage: Stage, pattern: str, definition: dict[str, object]) -> Iterator[None]:
    """Put a policy on queues for as long as the context is open."""
    stage.rabbitmq.ctl("set_policy", "fault", pattern, json.dumps(definition))
    try:
        yield
    finally:
        stage.rabbitmq.ctl("clear_policy", "fault")


async def knock(
    http: httpx.AsyncClient, *, key: str | None = None, **payload: object
) -> tuple[httpx.Response, float]:
    """Submit once; return the answer and how long it took."""
    headers = {"Idempotency-Key": f'"{key}"'} if key else {}
    began = time.monotonic()
    answer = await http.post(
        "/v1/jobs", json={"type": "witness.act", "payload": payload}, headers=headers
    )
    return answer, time.monotonic() - began


async def until_accepted(http: httpx.AsyncClient, *, within: float, key: str | None = None) -> str:
    async def ask() -> str:
        answer, _ = await knock(http, key=key)
        assert answer.status_code in {200, 202}, answer.text
        return str(answer.json()["id"])

    return await eventually_async(ask, within=within)


def honest(answers: list[tuple[httpx.Response, float]]) -> list[str]:
    """Return the ids that were accepted; every other answer must be a quick, honest 503."""
    for answer, took in answers:
        assert answer.status_code in {202, 429, 503}, answer.text
        assert answer.status_code == 202 or int(answer.headers["retry-after"]) > 0
        assert took < PROMISE_SECONDS + 0.5, took  # half a second for two busy cores
    return [answer.json()["id"] for answer, _ in answers if answer.status_code == 202]


@pytest.mark.parametrize("kind", ["memory", "disk"])
async def test_g5_g6_under_an_alarm_submits_are_503_within_3_s_and_work_goes_on(
    stage: Stage, http: httpx.AsyncClient, kind: str
) -> None:
    before = await stage.submit_many(http, 20, seconds=0.3)
    with alarm(stage, kind):
        await asyncio.sleep(0.5)
        refused = await asyncio.gather(*(knock(http, key=f"{kind}-{n}") for n in range(5)))
        assert {answer.status_code for answer, _ in refused} == {503}
        assert max(took for _, took in refused) < PROMISE_SECONDS
        ended = await stage.gateway.settle(http, before, within=15)
        assert {job["state"] for job in ended.values()} == {"succeeded"}
    cleared = time.monotonic()
    again = [await until_accepted(http, within=10, key=f"{kind}-{n}") for n in range(5)]

    assert time.monotonic() - cleared < 5
    assert again == [answer.json()["job_id"] for answer, _ in refused]
    assert await stage.verdict(http, [*before, *again]) == []


async def test_g4_a_queue_that_refuses_is_503_and_the_key_stays_bound(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    for name in BOTH_WORKERS:
        stage.house.service(name).kill()  # nobody takes anything out
    # The limit stays until the queue has drained: once it is lifted from a full queue, RabbitMQ
    # 3.10 refuses whatever comes through a channel that it has refused before, for ever.
    with policy(stage, "^waymark.default$", {"max-length": 4}):
        answers = [await knock(http, key=f"full-{n}") for n in range(12)]
        accepted = honest(answers)
        assert 0 < len(accepted) < 12
        stage.heal()
        again = [await until_accepted(http, within=15, key=f"full-{n}") for n in range(12)]
        await stage.gateway.settle(http, again, within=30)

    assert set(accepted) <= set(again)
    assert await stage.verdict(http, again) == []


async def test_g4_a_queue_that_was_deleted_loses_nothing_and_comes_back_within_30_s(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    stage.rabbitmq.ctl("delete_queue", "waymark.default")
    answers = list(await asyncio.gather(*(knock(http, key=f"gone-{n}") for n in range(5))))
    honest(answers)
    again = [await until_accepted(http, within=30, key=f"gone-{n}") for n in range(5)]

    assert await stage.verdict(http, again) == []


async def test_g7_redis_paused_for_5_s_under_load_is_503_and_leaves_no_half_accepted_job(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    running = await stage.submit_many(http, 4, seconds=8)
    for job in running:
        await stage.run_of(job)
    stage.redis.freeze()
    answers = list(await asyncio.gather(*(knock(http, key=f"half-{n}") for n in range(20))))
    await asyncio.sleep(3)
    stage.redis.thaw()
    accepted = honest(answers)
    again = [await until_accepted(http, within=15, key=f"half-{n}") for n in range(20)]

    assert set(accepted) <= set(again)
    assert len(set(again)) == 20
    assert await stage.verdict(http, [*running, *again]) == []
    assert all(len(stage.witness.runs(job)) == 1 for job in [*running, *again])


async def test_g8_a_hundred_equal_requests_are_one_job_that_runs_once(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(knock(http, key="hundredfold") for _ in range(100)))
    other = await http.post(
        "/v1/jobs",
        json={"type": "witness.act", "payload": {"seconds": 0.2}},
        headers={"Idempotency-Key": '"hundredfold"'},
    )

    codes = Counter(answer.status_code for answer, _ in answers)
    assert set(codes) <= {200, 202, 409}
    ids = {answer.json()["id"] for answer, _ in answers if answer.status_code != 409}
    assert len(ids) == 1
    assert other.status_code == 422
    assert await stage.verdict(http, ids) == []
    assert len(stage.witness.runs(ids.pop())) == 1


BODIES: dict[str, tuple[bytes, dict[str, str], set[int]]] = {
    "too large": (b'{"type":"witness.act","payload":{"x":"' + b"a" * 2 * MEGABYTE, {}, {413}),
    "too deep": (b'{"type":' + b"[" * 100_000, {}, {400, 422}),
    "a payload too deep": (
        b'{"type":"witness.act","payload":{"x":' + b"[" * 500 + b"]" * 500 + b"}}",
        {},
        {422},
    ),
    "nan": (b'{"type":"witness.act","payload":{"seconds":NaN}}', {}, {400, 422}),
    "infinite": (b'{"type":"witness.act","payload":{"seconds":1e999}}', {}, {400, 422}),
    "a lone surrogate": (b'{"type":"witness.act\\ud800"}', {}, {400, 422}),
    "no utf-8": (b'{"type":"\xff\xfe"}', {}, {400, 422}),
    "nothing": (b"", {}, {400, 422}),
    "another type": (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, {415}),
    "a gzip bomb": (gzip.compress(b" " * 50 * MEGABYTE), {"Content-Encoding": "gzip"}, {400, 415}),
}


async def test_g9_hostile_bodies_are_refused_and_cost_less_than_10_mb(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    before = _resident(stage)
    for name, (body, headers, expected) in BODIES.items():
        answer = await http.post(
            "/v1/jobs", content=body, headers={"Content-Type": "application/json", **headers}
        )
        assert answer.status_code in expected, (name, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", name

    assert _resident(stage) - before < 10 * MEGABYTE


async def test_g10_a_herd_of_1000_clients_is_served_or_told_to_come_back(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    answers = await asyncio.wait_for(
        asyncio.gather(*(one_of_the_herd(stage) for _ in range(1000))), timeout=60
    )
    accepted = [json.loads(body)["id"] for code, _, body in answers if code == 202]
    began = time.monotonic()
    await until_accepted(http, within=10)

    assert time.monotonic() - began < 2
    assert {code for code, _, _ in answers} <= {202, 429, 503}
    assert all(b"retry-after" in head.lower() for code, head, _ in answers if code != 202)
    assert len(accepted) > 300
    assert await stage.verdict(http, accepted, within=90) == []


async def one_of_the_herd(stage: Stage) -> tuple[int, bytes, bytes]:
    """Submit over a connection of its own; a client library would be the slowest part."""
    port = stage.house.service("gateway").port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"type":"witness.act","payload":{"seconds":0}}'
    writer.write(
        b"POST /v1/jobs HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\n"
        + f"Authorization: Bearer {stage.house.keys.tenant}\r\n".encode()
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head, _, told = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), head, told


async def test_q9_a_message_too_large_for_the_broker_harms_nobody_else(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    limit = "application:{}(rabbit, max_message_size{})."
    stage.rabbitmq.ctl("eval", limit.format("set_env", ", 65536"))
    try:
        stage.house.service("gateway").restart()  # the limit is read when a channel is opened
        big = {"type": "witness.act", "labels": {}, "payload": {"note": "x" * 100_000}}
        answer = await http.post("/v1/jobs", json=big, headers={"Idempotency-Key": '"big"'})
        small = await stage.submit_many(http, 20)
        ended = await stage.gateway.settle(http, small, within=30)
    finally:
        stage.rabbitmq.ctl("eval", limit.format("set_env", ", 134217728"))
        stage.house.service("gateway").restart()

    assert answer.status_code in {413, 422, 503}
    assert {job["state"] for job in ended.values()} == {"succeeded"}


def _resident(stage: Stage) -> int:
    pid = stage.house.service("gateway").pid
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
