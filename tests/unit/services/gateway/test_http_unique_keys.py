"""unique_key, the quota, retention and the limit of steps over HTTP, on fakes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.gateway.planning import Terms
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.operations import Cancel, Confirm, Read
from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway
from tests.fakes.registry import an_entry
from tests.unit.services.gateway.test_http_dead_letters import a_letter


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


def a_job(**more: Any) -> dict[str, Any]:
    return {"type": "demo.steps", "payload": {"steps": 3}, "unique_key": "order-1", **more}


async def owed(gateway: FakeGateway) -> list[str]:
    return list(gateway.store.peek("dev").outbox)


async def test_a_second_request_gets_the_living_job(gateway: FakeGateway) -> None:
    first = (await gateway.submit(a_job())).json()

    answer = await gateway.submit(a_job(payload={"steps": 9}))

    job = answer.json()
    assert (answer.status_code, job["id"], job["deduplicated"]) == (200, first["id"], True)
    assert (job["payload"], job["unique_key"]) == ({"steps": 3}, "order-1")
    assert answer.headers["location"] == first["links"]["self"]
    assert first["deduplicated"] is False
    assert len(gateway.publisher.sent) == 1
    submissions = "waymark_jobs_submissions_total"
    assert gateway.count(submissions, queue="default", outcome="deduplicated") == 1


async def test_a_second_request_that_wants_no_other_job_is_refused(gateway: FakeGateway) -> None:
    first = (await gateway.submit(a_job())).json()

    answer = await gateway.submit(a_job(on_conflict="reject"))

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "unique-key-taken")
    assert (problem["job_id"], problem["retryable"]) == (first["id"], False)


async def test_when_the_job_has_ended_its_key_is_free(gateway: FakeGateway) -> None:
    first = (await gateway.submit(a_job())).json()
    await gateway.post(f"/v1/jobs/{first['id']}/cancel")

    answer = await gateway.submit(a_job(on_conflict="reject"))

    assert answer.status_code == 202
    assert answer.json()["id"] != first["id"]


async def test_fifty_equal_requests_at_once_make_one_job(gateway: FakeGateway) -> None:
    answers = await asyncio.gather(*(gateway.submit(a_job()) for _ in range(50)))

    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(gateway.publisher.sent) == 1


async def test_a_duplicate_waits_until_its_job_is_in_the_broker(gateway: FakeGateway) -> None:
    gateway.publisher.frozen = True
    first = asyncio.create_task(gateway.submit(a_job()))
    await eventually_async(lambda: owed(gateway))
    second = asyncio.create_task(gateway.submit(a_job()))
    done, _ = await asyncio.wait([second], timeout=0.2)
    assert not done, "the job is not safe yet"

    [job] = gateway.store.peek("dev").outbox
    gateway.store.do(Confirm(tenant="dev", job=job, dispatch=1))

    answer = await second
    assert (answer.status_code, answer.json()["id"]) == (200, job)
    first.cancel()


async def test_a_duplicate_of_a_job_that_is_withdrawn_becomes_a_job(gateway: FakeGateway) -> None:
    gateway.publisher.frozen = True
    first = asyncio.create_task(gateway.submit(a_job()))
    await eventually_async(lambda: owed(gateway))
    second = asyncio.create_task(gateway.submit(a_job()))
    await asyncio.sleep(0)
    gateway.publisher.frozen = False
    [job] = gateway.store.peek("dev").outbox
    gateway.store.do(Cancel(tenant="dev", job=job, reason=None, only_unconfirmed=True))

    answer = await second

    assert (answer.status_code, answer.json()["deduplicated"]) == (202, False)
    assert answer.json()["id"] != job
    first.cancel()


async def test_no_answer_about_a_job_that_is_not_safe(gateway: FakeGateway) -> None:
    gateway.publisher.frozen = True
    first = asyncio.create_task(gateway.submit(a_job()))
    await eventually_async(lambda: owed(gateway))
    [job] = gateway.store.peek("dev").jobs

    answer = await gateway.submit(a_job())

    assert answer.status_code == 503
    assert answer.json().get("job_id") != job, "it is another's"
    assert (await first).status_code == 503
    record = gateway.store.do(Read(tenant="dev", job=job))
    assert record is not None
    assert record.state == "cancelled", "only the first request withdraws its job"


async def test_the_quota_of_live_jobs_is_429_and_says_how_many(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, terms=Terms(max_live_jobs=2))
    first = await gateway.submit()
    await gateway.submit()

    answer = await gateway.submit(idempotency_key='"k"')

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "quota-exceeded")
    assert (problem["max_live_jobs"], problem["retryable"]) == (2, True)
    assert answer.headers["retry-after"] == "10"
    await gateway.post(f"/v1/jobs/{first.json()['id']}/cancel")
    assert (await gateway.submit(idempotency_key='"k"')).status_code == 202
    submissions = "waymark_jobs_submissions_total"
    assert gateway.count(submissions, queue="default", outcome="over_quota") == 1


async def test_a_withdrawn_job_does_not_count_against_the_quota(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, terms=Terms(max_live_jobs=1))
    gateway.publisher.failure = BrokerUnavailable()
    assert (await gateway.submit()).status_code == 503
    gateway.publisher.failure = None

    assert (await gateway.submit()).status_code == 202


async def test_a_job_is_kept_as_long_as_its_type_says(tmp_path: Path) -> None:
    entries = (an_entry(), an_entry("demo.brief", retention=60))
    gateway = FakeGateway(tmp_path, *entries, terms=Terms(retention=5_000))

    usual = (await gateway.submit()).json()["id"]
    brief = (await gateway.submit({"type": "demo.brief", "payload": {"steps": 1}})).json()["id"]

    kept = [gateway.store.do(Read(tenant="dev", job=job)) for job in (usual, brief)]
    assert [job and job.retention for job in kept] == [5_000, 60_000]


async def test_a_retry_is_refused_while_another_job_has_the_unique_key(
    gateway: FakeGateway,
) -> None:
    letter = await a_letter(gateway, body=a_job())
    holder = (await gateway.submit(a_job())).json()["id"]

    refused = await gateway.post(f"/v1/jobs/{letter}/retry")
    await gateway.post(f"/v1/jobs/{holder}/cancel")
    retried = await gateway.post(f"/v1/jobs/{letter}/retry")

    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "unique-key-taken")
    assert problem["job_id"] == holder
    assert retried.status_code == 202


async def test_a_retry_of_a_job_without_steps_left_says_what_to_do(gateway: FakeGateway) -> None:
    letter = await a_letter(gateway, body=a_job())
    gateway.store.peek("dev").jobs[letter].step = 999

    refused = await gateway.post(f"/v1/jobs/{letter}/retry")

    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-steps")
    assert "submit it anew" in refused.json()["detail"]
