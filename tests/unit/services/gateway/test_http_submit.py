"""POST /v1/jobs on fakes: what is accepted, what is refused, and what an outage looks like."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, Unroutable
from shared.contracts.lifecycle import State
from shared.contracts.operations import Claim, Read
from shared.contracts.tokens import verify
from tests.eventually import eventually_async
from tests.fakes.gateway import TOKEN_SECRET, FakeGateway, as_key, pointers
from tests.fakes.registry import an_entry
from tests.unit.services.gateway.test_strict_json import NOT_JSON


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def test_an_accepted_job_is_on_record_in_the_broker_and_shown(gateway: FakeGateway) -> None:
    answer = await gateway.submit()

    job = answer.json()
    assert answer.status_code == 202
    assert (job["state"], job["final"], job["max_attempts"], job["priority"]) == (
        "queued",
        False,
        4,
        5,
    )
    assert (
        answer.headers["location"] == job["links"]["self"] == f"http://api.test/v1/jobs/{job['id']}"
    )
    assert job["links"]["events"] == f"http://stream.test/v1/jobs/{job['id']}/events"
    assert answer.headers["etag"] == f'"{job_epoch(gateway, job["id"])}-1-1"'
    assert answer.headers["retry-after"] == "1"
    [(message, delay)] = gateway.publisher.sent
    assert (message.job, message.options.tenant, message.payload, delay) == (
        job["id"],
        "dev",
        '{"steps":3}',
        0,
    )
    assert not gateway.store.peek("dev").outbox


def job_epoch(gateway: FakeGateway, job: str) -> str:
    record = gateway.store.do(Read(tenant="dev", job=job))
    assert record is not None
    return record.epoch


async def test_the_browser_token_of_a_submit_is_for_this_job_alone(gateway: FakeGateway) -> None:
    job = (await gateway.submit()).json()

    grant = verify(job["access"]["token"], secret=TOKEN_SECRET, now=0)
    assert (grant.tenant, grant.jobs, grant.feed, grant.cancel) == (
        "dev",
        frozenset({job["id"]}),
        False,
        False,
    )
    assert job["access"]["stream_url"] == job["links"]["stream"] == "ws://stream.test/v1/stream"


async def test_a_payload_arrives_byte_for_byte(gateway: FakeGateway) -> None:
    text = '{"steps": 1, "rest": [123456789012345678901234567890, 1.10, "\\u00e9", [ ]]}'

    answer = await gateway.send(f'{{"type":"demo.steps","payload":{text}}}'.encode())

    assert answer.status_code == 202
    assert text in answer.text
    assert gateway.publisher.sent[0][0].payload == text


async def test_everything_that_was_asked_for_is_on_record(gateway: FakeGateway) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await gateway.submit(
        {
            "type": "demo.steps",
            "payload": {"steps": 1},
            "queue": "bulk",
            "priority": 9,
            "delay_seconds": 2,
            "labels": {"order": "A-17"},
            "max_attempts": 2,
        },
        traceparent=traceparent,
    )

    job = answer.json()
    assert (job["queue"], job["priority"], job["max_attempts"]) == ("bulk", 9, 2)
    assert (job["labels"], job["submitted_by"]) == ({"order": "A-17"}, "key:dev")
    assert gateway.publisher.sent[0][0].options.traceparent == traceparent


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_400(gateway: FakeGateway, body: bytes) -> None:
    answer = await gateway.send(body)

    assert (answer.status_code, answer.json()["code"]) == (400, "not-json")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"[" * 100, {}, 400, "not-json"),
        (b"[" * 50 + b"]" * 50, {}, 422, "too-deep"),
        (b"[" * 500_000, {}, 422, "too-deep"),
        (b"x" * ((1 << 20) + 1), {}, 413, "body-too-large"),
        (
            b'{"type":"demo.steps","payload":{"steps":1,"rest":"' + b"x" * (256 << 10) + b'"}}',
            {},
            413,
            "payload-too-large",
        ),
        (b"{}", {"content_type": "text/plain"}, 415, "unsupported-media-type"),
        (b"{}", {"content_encoding": "gzip"}, 415, "unsupported-media-type"),
        (b"{}", {"authorization": "Bearer nonsense"}, 401, "unauthenticated"),
        (b"{}", {"authorization": "Bearer a.b.c"}, 401, "invalid-token"),
        (b"{}", {"authorization": as_key("nobody")}, 401, "unauthenticated"),
        (b"{}", {"authorization": as_key("reader")}, 403, "forbidden"),
        (b"{}", {"waymark_tenant": "dev"}, 403, "forbidden"),
        (
            b'{"type":"demo.steps","payload":{"steps":1}}',
            {"authorization": as_key("sre")},
            400,
            "tenant-required",
        ),
        (
            b'{"type":"demo.steps","payload":{"steps":1}}',
            {"idempotency_key": "a b"},
            400,
            "bad-header",
        ),
    ],
)
async def test_a_bad_request_gets_its_own_problem(
    gateway: FakeGateway, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await gateway.send(content, **headers)

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["retryable"] is False
    assert isinstance(problem["errors"], list)
    assert not gateway.publisher.sent


async def test_each_fault_of_a_payload_has_its_pointer(gateway: FakeGateway) -> None:
    answer = await gateway.submit(
        {"type": "demo.steps", "payload": {"options": {"a/b": 1, "c": 2}, "colour": "red"}}
    )

    assert answer.status_code == 422
    assert sorted(pointers(answer)) == [
        "/payload/colour",
        "/payload/options/a~1b",
        "/payload/options/c",
        "/payload/steps",
    ]


@pytest.mark.parametrize(
    ("rest", "also"),
    [
        ({"queue": "nope"}, "/queue"),
        ({"priority": 99}, "/priority"),
        ({"labels": {"a b": "c"}}, "/labels/a b"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_faults_of_the_request_do_not_hide_those_of_its_payload(
    gateway: FakeGateway, rest: dict[str, object], also: str
) -> None:
    answer = await gateway.submit({"type": "demo.steps", "payload": {"steps": "x"}, **rest})
    unknown = await gateway.submit({"type": "demo.stpes", "payload": {}, "priority": 99})

    assert answer.status_code == unknown.status_code == 422
    assert sorted(pointers(answer)) == sorted([also, "/payload/steps"])
    assert pointers(unknown) == ["/priority", "/type"]


async def test_an_unknown_type_gets_the_nearest_names(gateway: FakeGateway) -> None:
    answer = await gateway.submit({"type": "demo.stpes", "payload": {}})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown-type")
    assert answer.json()["did_you_mean"] == ["demo.steps"]
    assert pointers(answer) == ["/type"]


async def test_a_queue_that_nobody_declared_is_422(gateway: FakeGateway) -> None:
    answer = await gateway.submit({"type": "demo.steps", "payload": {"steps": 1}, "queue": "nope"})

    assert answer.status_code == 422
    assert pointers(answer) == ["/queue"]


async def test_an_empty_catalogue_is_503(gateway: FakeGateway) -> None:
    gateway.registry.entries.clear()

    answer = await gateway.submit()

    assert (answer.status_code, answer.json()["code"]) == (503, "catalogue-empty")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_catalogue_that_the_store_forgot_is_remembered(gateway: FakeGateway) -> None:
    await gateway.submit()
    gateway.registry.entries.clear()

    assert (await gateway.submit({"type": "other", "payload": {}})).status_code == 422
    assert (await gateway.submit()).status_code == 202


async def test_a_schema_that_cannot_be_used_hides_its_type_only(tmp_path: Path) -> None:
    remote = an_entry("bad.type", schema={"$ref": "http://127.0.0.1:9/schema.json"})
    gateway = FakeGateway(tmp_path, an_entry(), remote)

    assert (await gateway.submit()).status_code == 202
    assert (await gateway.submit({"type": "bad.type", "payload": {}})).status_code == 422


async def test_the_same_key_makes_one_job(gateway: FakeGateway) -> None:
    first = await gateway.submit(idempotency_key="k-1")
    again = await gateway.submit(
        {"payload": {"steps": 3}, "type": "demo.steps"}, idempotency_key='"k-1"'
    )

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(gateway.publisher.sent) == 1


async def test_the_same_key_shows_the_job_as_it_is_now(gateway: FakeGateway) -> None:
    job = (await gateway.submit(idempotency_key="k")).json()
    await gateway.post(f"/v1/jobs/{job['id']}/cancel")

    again = await gateway.submit(idempotency_key="k")

    assert (again.status_code, again.json()["state"]) == (202, "cancelled")


async def test_the_same_key_with_another_body_is_422(gateway: FakeGateway) -> None:
    await gateway.submit(idempotency_key="k")

    other = await gateway.submit(
        {"type": "demo.steps", "payload": {"steps": 4}}, idempotency_key="k"
    )

    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_the_same_key_of_another_tenant_is_another_job(gateway: FakeGateway) -> None:
    mine = await gateway.submit(idempotency_key="k")
    theirs = await gateway.submit(idempotency_key="k", authorization=as_key("other"))

    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_refused_request_does_not_bind_its_key(gateway: FakeGateway) -> None:
    bad = await gateway.submit({"type": "demo.steps", "payload": {}}, idempotency_key="k")
    good = await gateway.submit(idempotency_key="k")

    assert (bad.status_code, good.status_code) == (422, 202)


@pytest.mark.parametrize("failure", [BrokerUnavailable(), Unroutable()])
async def test_with_a_key_an_unconfirmed_job_stays_and_a_repeat_publishes_it(
    gateway: FakeGateway, failure: Exception
) -> None:
    gateway.publisher.failure = failure
    failed = await gateway.submit(idempotency_key="k")
    assert (failed.status_code, failed.json()["retryable"]) == (503, True)
    assert int(failed.headers["retry-after"]) > 0

    gateway.publisher.failure = None
    again = await gateway.submit(idempotency_key="k")

    assert again.status_code == 202
    assert again.json()["id"] == failed.json()["job_id"] == gateway.publisher.sent[0][0].job
    assert gateway.count("waymark_jobs_submissions_total", queue="default", outcome="unavailable")


async def test_a_request_under_way_keeps_its_key_for_itself(gateway: FakeGateway) -> None:
    publishing, may_go_on = asyncio.Event(), asyncio.Event()

    async def publish_slowly(message: RunJob, *, delay_ms: int) -> None:
        del message, delay_ms
        publishing.set()
        await may_go_on.wait()

    gateway.publisher.publish_later = publish_slowly  # type: ignore[method-assign]
    first = asyncio.create_task(gateway.submit(idempotency_key="k"))
    await asyncio.wait_for(publishing.wait(), 5)
    second = await gateway.submit(idempotency_key="k")
    may_go_on.set()
    third = await asyncio.gather(first, gateway.submit(idempotency_key="k"))

    assert (second.status_code, second.headers["retry-after"]) == (409, "1")
    assert third[0].status_code == 202


async def test_a_repeat_gets_its_job_although_its_body_would_be_refused_today(
    gateway: FakeGateway,
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    body = {"type": "demo.steps", "payload": {"steps": 3}, "expires_at": soon}
    first = await gateway.submit(body, idempotency_key="k")

    async def refused() -> bool:
        return (await gateway.submit(body)).status_code == 422

    await eventually_async(refused)
    again = await gateway.submit(body, idempotency_key="k")
    other = await gateway.submit(body, idempotency_key="never-used")

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422


async def test_without_a_key_an_unconfirmed_job_is_withdrawn(gateway: FakeGateway) -> None:
    gateway.publisher.failure = BrokerUnavailable()

    failed = await gateway.submit()

    assert (failed.status_code, failed.json()["withdrawn"]) == (503, True)
    record = gateway.store.do(Read(tenant="dev", job=failed.json()["job_id"]))
    assert record is not None
    assert record.state is State.CANCELLED


async def test_a_job_that_arrived_after_all_is_accepted(gateway: FakeGateway) -> None:
    async def arrive_unconfirmed(message: RunJob, *, delay_ms: int) -> None:
        claim = Claim(tenant="dev", message=message, token="t" * 32, worker="w", lease=15_000)
        gateway.store.do(claim)
        raise BrokerUnavailable

    gateway.publisher.publish_later = arrive_unconfirmed  # type: ignore[method-assign]
    answer = await gateway.submit()

    assert (answer.status_code, answer.json()["state"]) == (202, "running")


async def test_a_store_that_is_away_is_503_and_nothing_is_published(gateway: FakeGateway) -> None:
    gateway.store.away = True

    answer = await gateway.submit()

    assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert not gateway.publisher.sent


async def test_a_mistake_of_ours_is_a_problem_too(gateway: FakeGateway) -> None:
    gateway.publisher.failure = ZeroDivisionError("the secret of the house")

    with capture_logs() as logged:
        answer = await gateway.submit()

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert [line["event"] for line in logged].count("request_crashed") == 1
    assert gateway.count("waymark_http_unexpected_errors_total") == 1
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_submissions_are_counted_by_what_became_of_them(gateway: FakeGateway) -> None:
    await gateway.submit()
    await gateway.send(b"nonsense")
    await gateway.submit(json.loads('{"type": "demo.steps", "payload": {}}'))

    name = "waymark_jobs_submissions_total"
    assert gateway.count(name, queue="default", outcome="accepted") == 1
    assert gateway.count(name, queue="", outcome="invalid") == 2
    assert (
        gateway.count(
            "waymark_http_requests_total",
            method="POST",
            route="/v1/jobs",
            status="202",
        )
        == 1
    )
