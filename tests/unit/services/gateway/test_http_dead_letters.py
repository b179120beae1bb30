"""Dead letters over HTTP, on fakes: who may, what is refused, what is answered."""

from pathlib import Path
from typing import Any

import pytest

from shared.contracts.errors import BrokerUnavailable
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.operations import Claim, Fail, Fault, Read
from tests.fakes.gateway import FakeGateway, as_key, pointers

FAULT = '{"code":"boom","message":"It broke.","type":"E","retryable":false}'
CAMPAIGNS = "/v1/dead-letters/campaigns"
NOBODY = "01938c5e-0000-7000-8000-000000000009"


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def a_letter(
    gateway: FakeGateway, fault: str = FAULT, *, body: object = None, **headers: str
) -> str:
    """Submit a job and fail it for good."""
    answer = await gateway.submit(body, **headers)
    assert answer.status_code == 202, answer.text
    job = str(answer.json()["id"])
    message, _ = gateway.publisher.sent[-1]
    tenant = message.options.tenant
    gateway.store.do(Claim(tenant=tenant, message=message, token="t", worker="w", lease=15_000))
    gateway.store.do(
        Fail(
            tenant=tenant,
            job=job,
            token="t",
            fault=Fault(error=fault, public=fault, outcome=Outcome.FAILED),
            reason=DeadLetterReason.NOT_RETRYABLE,
        )
    )
    gateway.publisher.sent.clear()
    return job


def record(gateway: FakeGateway, job: str) -> JobRecord:
    found = gateway.store.do(Read(tenant="dev", job=job))
    assert found
    return found


async def campaign(gateway: FakeGateway, action: str, **members: Any) -> Any:
    return await gateway.post(f"/v1/dead-letters/{action}", members)


async def test_a_dead_letter_is_retried_at_once_under_the_same_id(gateway: FakeGateway) -> None:
    job = await a_letter(gateway)

    answer = await gateway.post(f"/v1/jobs/{job}/retry", {"reason": "fixed"})

    assert answer.status_code == 202
    body = answer.json()
    assert (body["id"], body["state"], body["redrives"]) == (job, "queued", 1)
    assert (body["dead_letter"], body["error"]) == (None, None)
    assert answer.headers["location"] == f"http://api.test/v1/jobs/{job}"
    assert [(m.job, m.options.dispatch) for m, _ in gateway.publisher.sent] == [(job, 2)]
    assert not gateway.store.peek("dev").outbox, "confirmed"
    assert gateway.count("waymark_jobs_redriven_total", via="one") == 1


async def test_what_is_no_dead_letter_is_not_retried(gateway: FakeGateway) -> None:
    job = (await gateway.submit()).json()["id"]

    answer = await gateway.post(f"/v1/jobs/{job}/retry")

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing-to-redrive")
    assert answer.json()["state"] == "queued"


@pytest.mark.parametrize("job", ["nonsense", NOBODY])
async def test_an_unknown_job_is_not_retried(gateway: FakeGateway, job: str) -> None:
    answer = await gateway.post(f"/v1/jobs/{job}/retry")

    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")


async def test_without_a_broker_a_retry_changes_nothing(gateway: FakeGateway) -> None:
    job = await a_letter(gateway)
    gateway.publisher.ready = False

    answer = await gateway.post(f"/v1/jobs/{job}/retry")

    assert (answer.status_code, answer.json()["code"]) == (503, "broker-unavailable")
    assert record(gateway, job).state is State.FAILED


async def test_a_retry_that_was_not_confirmed_can_be_repeated(gateway: FakeGateway) -> None:
    job = await a_letter(gateway)
    gateway.publisher.failure = BrokerUnavailable()

    failed = await gateway.post(f"/v1/jobs/{job}/retry")
    gateway.publisher.failure = None
    again = await gateway.post(f"/v1/jobs/{job}/retry")

    assert (failed.status_code, failed.json()["job_id"]) == (503, job)
    assert again.status_code == 202
    assert record(gateway, job).redrives == 1
    assert len(gateway.publisher.sent) == 1


@pytest.mark.parametrize("key", ["reader", "submitter"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/v1/jobs/{NOBODY}/retry"),
        ("GET", "/v1/dead-letters"),
        ("POST", "/v1/dead-letters/redrive"),
        ("POST", "/v1/dead-letters/discard"),
        ("GET", CAMPAIGNS),
        ("GET", f"{CAMPAIGNS}/{NOBODY}"),
        ("POST", f"{CAMPAIGNS}/{NOBODY}/abort"),
    ],
)
async def test_only_operators_may(gateway: FakeGateway, key: str, method: str, path: str) -> None:
    headers = {"authorization": as_key(key)}
    answer = await gateway.client.request(method, path, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_letters_of_another_tenant_do_not_exist(gateway: FakeGateway) -> None:
    job = await a_letter(gateway, authorization=as_key("other"))

    assert (await gateway.get("/v1/dead-letters")).json()["data"] == []
    assert (await gateway.post(f"/v1/jobs/{job}/retry")).status_code == 404
    counts = (await campaign(gateway, "redrive", filter={})).json()["counts"]
    assert counts["matched"] == 0


async def test_letters_are_listed_page_by_page_with_their_error(gateway: FakeGateway) -> None:
    jobs = []
    for _ in range(3):
        gateway.store.now += 1_000
        jobs.append(await a_letter(gateway))

    first = await gateway.get("/v1/dead-letters?limit=2&type=demo.steps")
    second = await gateway.get(first.headers["link"].split(">")[0][1:])

    shown = [*first.json()["data"], *second.json()["data"]]
    assert [job["id"] for job in shown] == jobs[::-1]
    assert shown[0]["error"]["message"] == "It broke."
    assert shown[0]["dead_letter"]["reason"] == "not_retryable"
    assert second.json()["page"] == {"next": None, "has_more": False}


async def test_a_cursor_belongs_to_its_filter(gateway: FakeGateway) -> None:
    for _ in range(2):
        await a_letter(gateway)
    cursor = (await gateway.get("/v1/dead-letters?limit=1")).json()["page"]["next"]

    answer = await gateway.get(f"/v1/dead-letters?cursor={cursor}&type=demo.steps")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=1.5", "/query/limit"),
        ("reason=boredom", "/query/reason"),
        ("older_than_seconds=soon", "/query/older_than_seconds"),
        ("older_than_seconds=-1", "/query/older_than_seconds"),
        ("type=", "/query/type"),
        ("colour=red", "/query/colour"),
    ],
)
async def test_a_wrong_parameter_is_pointed_to(
    gateway: FakeGateway, query: str, pointer: str
) -> None:
    answer = await gateway.get(f"/v1/dead-letters?{query}")

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/filter"),
        ({"filter": {}, "ids": [NOBODY]}, "/filter"),
        ({"filter": {"colour": "red"}}, "/filter/colour"),
        ({"filter": {"reason": "boredom"}}, "/filter/reason"),
        ({"filter": {"type": ""}}, "/filter/type"),
        ({"filter": {"newer_than_seconds": -1}}, "/filter/newer_than_seconds"),
        ({"ids": []}, "/ids"),
        ({"ids": ["nonsense"]}, "/ids"),
        ({"filter": {}, "rate_per_second": 0}, "/rate_per_second"),
        ({"filter": {}, "rate_per_second": True}, "/rate_per_second"),
        ({"filter": {}, "limit": 0}, "/limit"),
        ({"filter": {}, "dry_run": "yes"}, "/dry_run"),
        ({"filter": {}, "reason": "x" * 501}, "/reason"),
        ({"filter": {}, "speed": 9}, "/speed"),
    ],
)
async def test_a_wrong_campaign_is_pointed_to(
    gateway: FakeGateway, body: dict[str, Any], pointer: str
) -> None:
    answer = await gateway.post("/v1/dead-letters/redrive", body)

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert (await gateway.get(CAMPAIGNS)).json()["data"] == []


@pytest.mark.parametrize("action", ["redrive", "discard"])
async def test_a_dry_run_counts_shows_some_and_changes_nothing(
    gateway: FakeGateway, action: str
) -> None:
    jobs = [await a_letter(gateway) for _ in range(12)]

    answer = await campaign(gateway, action, filter={"error_code": "boom"}, dry_run=True)
    by_ids = await campaign(gateway, action, ids=[jobs[0], NOBODY], dry_run=True)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["dry_run"], body["matched"], body["exact"]) == (True, 12, True)
    assert len(body["sample"]) == 10
    assert [job["id"] for job in by_ids.json()["sample"]] == [jobs[0]]
    assert {record(gateway, job).state for job in jobs} == {State.FAILED}
    assert (await gateway.get(CAMPAIGNS)).json()["data"] == []


async def test_a_campaign_is_answered_with_where_to_follow_it(gateway: FakeGateway) -> None:
    await a_letter(gateway)
    wanted = {"type": "demo.steps", "older_than_seconds": 0}

    answer = await campaign(
        gateway, "redrive", filter=wanted, rate_per_second=5, limit=7, reason="fixed"
    )

    assert answer.status_code == 202
    body = answer.json()
    own = f"http://api.test{CAMPAIGNS}/{body['id']}"
    assert answer.headers["location"] == own
    assert body["links"] == {"self": own, "abort": f"{own}/abort"}
    assert (body["action"], body["state"]) == ("redrive", "running")
    assert body["counts"] == {"matched": 1, "done": 0, "failed": 0, "skipped": 0}
    assert (body["rate_per_second"], body["limit"], body["reason"]) == (5.0, 7, "fixed")
    assert body["created_by"] == "key:dev"
    assert body["filter"]["type"] == "demo.steps"
    assert (await gateway.get(f"{CAMPAIGNS}/{body['id']}")).json() == body
    assert (await gateway.get(CAMPAIGNS)).json()["data"] == [body]


async def test_a_campaign_can_be_aborted_once_or_again_but_not_when_it_is_over(
    gateway: FakeGateway,
) -> None:
    body = (await campaign(gateway, "discard", filter={})).json()

    first = await gateway.post(f"{CAMPAIGNS}/{body['id']}/abort")
    second = await gateway.post(f"{CAMPAIGNS}/{body['id']}/abort")

    assert (first.status_code, first.json()["state"]) == (200, "aborted")
    assert second.json() == first.json()
    assert (await gateway.post(f"{CAMPAIGNS}/{NOBODY}/abort")).status_code == 404


async def test_a_campaign_of_another_tenant_does_not_exist(gateway: FakeGateway) -> None:
    body = (await campaign(gateway, "redrive", filter={})).json()
    other = {"authorization": as_key("other")}

    seen = await gateway.get(f"{CAMPAIGNS}/{body['id']}", **other)
    aborted = await gateway.post(f"{CAMPAIGNS}/{body['id']}/abort", **other)

    assert (seen.status_code, aborted.status_code) == (404, 404)
    assert seen.json()["code"] == "campaign-not-found"
    assert (await gateway.get(CAMPAIGNS, **other)).json()["data"] == []


async def test_a_seventeenth_campaign_has_to_wait(gateway: FakeGateway) -> None:
    for _ in range(16):
        assert (await campaign(gateway, "redrive", filter={})).status_code == 202

    answer = await campaign(gateway, "redrive", filter={})

    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-campaigns")
    assert answer.json()["retryable"] is True


async def test_the_document_knows_the_calls(gateway: FakeGateway) -> None:
    document = (await gateway.get("/openapi.json")).json()

    assert "post" in document["paths"]["/v1/jobs/{job}/retry"]
    assert {"get"} <= document["paths"]["/v1/dead-letters"].keys()
    named = document["components"]["schemas"]
    assert {"Campaign", "CampaignRequest", "LetterFilter", "CampaignOutlook"} <= named.keys()
