"""Reading, listing, cancelling, tokens, types and the edges, on fakes."""

from pathlib import Path

import pytest

from services.gateway.render import poll_after
from shared.contracts.commands import RunJob
from shared.contracts.job import Outcome
from shared.contracts.lifecycle import State
from shared.contracts.operations import Claim, Fault, Read, Retry
from tests.fakes.gateway import FakeGateway, as_key, pointers
from tests.fakes.jobs import record

TOKEN = "t" * 32


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def a_job(gateway: FakeGateway, **headers: str) -> str:
    answer = await gateway.submit(**headers)
    return str(answer.json()["id"])


def start(gateway: FakeGateway, job: str) -> None:
    found = gateway.store.do(Read(tenant="dev", job=job))
    assert found is not None
    message = RunJob.of(found)
    gateway.store.do(Claim(tenant="dev", message=message, token=TOKEN, worker="w", lease=15_000))


def fail_once(gateway: FakeGateway, job: str) -> None:
    full = (
        '{"code":"error","message":"secret text","type":"ValueError","retryable":true,'
        '"traceback":"line 1"}'
    )
    public = '{"code":"error","message":"The job failed.","type":null,"retryable":true}'
    fault = Fault(error=full, public=public, outcome=Outcome.FAILED)
    gateway.store.do(Retry(tenant="dev", job=job, token=TOKEN, fault=fault, delay=5_000))


async def browser_token(gateway: FakeGateway, **wanted: object) -> str:
    answer = await gateway.post("/v1/tokens", {"ttl_seconds": 60, **wanted})
    assert answer.status_code == 201, answer.text
    return f"Bearer {answer.json()['token']}"


async def test_a_job_is_shown_to_its_tenant_only(gateway: FakeGateway) -> None:
    job = await a_job(gateway)

    mine = await gateway.get(f"/v1/jobs/{job}")
    theirs = await gateway.get(f"/v1/jobs/{job}", authorization=as_key("other"))
    platform = await gateway.get(
        f"/v1/jobs/{job}", authorization=as_key("sre"), waymark_tenant="dev"
    )

    assert (mine.status_code, theirs.status_code, platform.status_code) == (200, 404, 200)
    assert mine.json()["id"] == platform.json()["id"] == job
    assert "access" not in mine.json()
    assert theirs.json()["code"] == "job-not-found"


@pytest.mark.parametrize(
    "job",
    ["nope", "1", "015ca3ab-648a-4b67-9026-43c14e4153d6", "..%2f", "x" * 3000, "%00"],
)
async def test_what_is_no_id_is_404(gateway: FakeGateway, job: str) -> None:
    answer = await gateway.get(f"/v1/jobs/{job}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_browser_token_reads_the_jobs_it_names_and_nothing_else(
    gateway: FakeGateway,
) -> None:
    job, other = await a_job(gateway), await a_job(gateway)
    token = await browser_token(gateway, jobs=[job])

    assert (await gateway.get(f"/v1/jobs/{job}", authorization=token)).status_code == 200
    assert (await gateway.get(f"/v1/jobs/{other}", authorization=token)).status_code == 404
    assert (await gateway.get("/v1/jobs", authorization=token)).status_code == 403
    assert (await gateway.get("/v1/types", authorization=token)).status_code == 403
    assert (await gateway.submit(authorization=token)).status_code == 403
    refused = await gateway.post(f"/v1/jobs/{job}/cancel", authorization=token)
    assert refused.status_code == 403
    minted = await gateway.post("/v1/tokens", {"jobs": [job]}, authorization=token)
    assert minted.status_code == 403


async def test_a_browser_token_cancels_when_it_may(gateway: FakeGateway) -> None:
    job, other = await a_job(gateway), await a_job(gateway)
    token = await browser_token(gateway, jobs=[job], cancel=True)

    assert (await gateway.post(f"/v1/jobs/{other}/cancel", authorization=token)).status_code == 404
    assert (await gateway.post(f"/v1/jobs/{job}/cancel", authorization=token)).status_code == 200


async def test_only_operators_see_what_a_handler_said(gateway: FakeGateway) -> None:
    job = await a_job(gateway)
    start(gateway, job)
    fail_once(gateway, job)

    operator = (await gateway.get(f"/v1/jobs/{job}")).json()
    reader = await gateway.get(f"/v1/jobs/{job}", authorization=as_key("reader"))

    assert operator["error"]["traceback"] == "line 1"
    assert operator["attempts"][0]["error"]["message"] == "secret text"
    assert reader.json()["attempts"][0]["error"]["code"] == "error"
    assert "secret text" not in reader.text
    assert "traceback" not in reader.text


async def test_jobs_are_listed_newest_first_page_by_page(gateway: FakeGateway) -> None:
    jobs = [await a_job(gateway) for _ in range(5)]
    await a_job(gateway, authorization=as_key("other"))

    seen, pages, path = [], 0, "/v1/jobs?limit=2"
    while path:
        answer = await gateway.get(path)
        seen += [job["id"] for job in answer.json()["data"]]
        pages += 1
        link = answer.headers.get("link", "")
        assert bool(link) == answer.json()["page"]["has_more"]
        path = link.partition("<http://api.test")[2].partition(">")[0]

    assert seen == sorted(jobs, reverse=True)
    assert pages == 3


async def test_a_bad_cursor_is_400(gateway: FakeGateway) -> None:
    answer = await gateway.get("/v1/jobs?cursor=AAAA")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


async def test_a_waiting_job_is_cancelled_at_once_and_again(gateway: FakeGateway) -> None:
    job = await a_job(gateway)

    first = await gateway.post(f"/v1/jobs/{job}/cancel", {"reason": "changed my mind"})
    again = await gateway.post(f"/v1/jobs/{job}/cancel")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["state"] == again.json()["state"] == "cancelled"
    assert "retry-after" not in first.headers


async def test_a_running_job_is_told_to_stop(gateway: FakeGateway) -> None:
    job = await a_job(gateway)
    start(gateway, job)

    answer = await gateway.post(f"/v1/jobs/{job}/cancel", {"grace_seconds": 1.5})

    assert answer.status_code == 202
    assert answer.json()["state"] == "running"
    assert answer.json()["cancel_requested_at"] is not None
    assert ("wm:worker:w", job) in gateway.store.published


async def test_a_job_that_ended_otherwise_is_not_cancelled(gateway: FakeGateway) -> None:
    job = await a_job(gateway)
    gateway.store.peek("dev").jobs[job].state = State.SUCCEEDED

    answer = await gateway.post(f"/v1/jobs/{job}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "job-already-final")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"grace_seconds": -1}, "/grace_seconds"),
        ({"reason": 1}, "/reason"),
        ({"mode": "kill"}, "/mode"),
        ([], ""),
    ],
)
async def test_a_bad_cancel_is_422(gateway: FakeGateway, body: object, pointer: str) -> None:
    answer = await gateway.post(f"/v1/jobs/{await a_job(gateway)}/cancel", body)

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


async def test_nobody_cancels_a_job_of_another_tenant(gateway: FakeGateway) -> None:
    job = await a_job(gateway)

    theirs = await gateway.post(f"/v1/jobs/{job}/cancel", authorization=as_key("other"))

    assert theirs.status_code == 404
    assert (await gateway.get(f"/v1/jobs/{job}")).json()["state"] == "queued"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jobs": []},
        {"jobs": "all"},
        {"jobs": [1]},
        {"jobs": ["a"] * 201},
        {"feed": False},
        {"feed": True, "jobs": ["a"]},
        {"feed": True, "ttl_seconds": 0},
        {"feed": True, "ttl_seconds": 10**6},
        {"feed": True, "colour": 1},
    ],
)
async def test_a_bad_wish_for_a_token_is_422(gateway: FakeGateway, body: object) -> None:
    assert (await gateway.post("/v1/tokens", body)).status_code == 422


async def test_a_token_is_minted_for_jobs_of_the_tenant_only(gateway: FakeGateway) -> None:
    job = await a_job(gateway)
    theirs = {"authorization": as_key("other")}

    assert (await gateway.post("/v1/tokens", {"jobs": [job]}, **theirs)).status_code == 404
    assert (await gateway.post("/v1/tokens", {"jobs": ["no-id"]})).status_code == 404
    assert (await gateway.post("/v1/tokens", {"feed": True})).status_code == 201


async def test_a_job_that_is_gone_costs_the_others_of_a_token_nothing(gateway: FakeGateway) -> None:
    job, gone = await a_job(gateway), "01a1fe58-07b3-71dd-8b09-963dd5750000"
    theirs = (await gateway.submit(authorization=as_key("other"))).json()["id"]

    minted = await gateway.post("/v1/tokens", {"jobs": [gone, theirs, "no-id", job]})

    told = minted.json()
    assert (minted.status_code, told["unknown"]) == (201, sorted([gone, theirs, "no-id"]))
    token = {"authorization": f"Bearer {told['token']}"}
    assert (await gateway.get(f"/v1/jobs/{job}", **token)).status_code == 200
    assert (await gateway.get(f"/v1/jobs/{theirs}", **token)).status_code == 404


async def test_a_reader_cannot_mint_a_right_to_cancel(gateway: FakeGateway) -> None:
    reader = {"authorization": as_key("reader")}
    job = await a_job(gateway)

    refused = await gateway.post("/v1/tokens", {"jobs": [job], "cancel": True}, **reader)

    assert refused.status_code == 403
    assert (await gateway.post("/v1/tokens", {"jobs": [job]}, **reader)).status_code == 201


async def test_types_are_shown_with_their_schema_and_workers(gateway: FakeGateway) -> None:
    listed = (await gateway.get("/v1/types")).json()["data"]
    one = (await gateway.get("/v1/types/demo.steps", authorization=as_key("sre"))).json()

    assert listed == [one]
    assert (one["type"], one["workers"]) == ("demo.steps", 1)
    assert one["payload_schema"]["required"] == ["steps"]
    assert (await gateway.get("/v1/types/nope")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not-found"),
        ("GET", "/v1/jobs/", 404, "job-not-found"),
        ("PUT", "/v1/jobs", 405, "method-not-allowed"),
        ("DELETE", "/live", 405, "method-not-allowed"),
    ],
)
async def test_the_frameworks_own_errors_are_problems_too(
    gateway: FakeGateway, method: str, path: str, status: int, code: str
) -> None:
    answer = await gateway.client.request(method, path)

    assert (answer.status_code, answer.json()["code"]) in {(status, code), (status, "not-found")}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_told_the_right_ones(gateway: FakeGateway) -> None:
    answer = await gateway.client.put("/v1/jobs")

    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_a_request_id_is_echoed_when_it_can_be_one(gateway: FakeGateway) -> None:
    echoed = await gateway.get("/v1/types", x_request_id="abc-1")
    made_up = await gateway.get("/v1/types", x_request_id="a b\tc")

    assert echoed.headers["x-request-id"] == "abc-1"
    assert made_up.headers["x-request-id"] not in {"", "a b\tc"}


async def test_pages_of_localhost_may_call_in_development_only(tmp_path: Path) -> None:
    preflight = {"access-control-request-method": "POST"}
    local, evil, shop = "http://localhost:5173", "http://localhost.evil.test", "https://shop.test"

    async def allowed(gateway: FakeGateway, origin: str) -> bool:
        asked = await gateway.client.options("/v1/jobs", headers={"origin": origin, **preflight})
        return asked.headers.get("access-control-allow-origin") == origin

    development, production = FakeGateway(tmp_path), FakeGateway(tmp_path, origins=(shop,))
    assert [await allowed(development, each) for each in (local, evil, shop)] == [
        True,
        False,
        False,
    ]
    assert [await allowed(production, each) for each in (local, evil, shop)] == [False, False, True]


async def test_the_docs_need_nothing_from_elsewhere(gateway: FakeGateway) -> None:
    page = await gateway.get("/docs")
    api = (await gateway.get("/openapi.json")).json()

    assert "://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert api["openapi"].startswith("3.1")
    assert {"/v1/jobs", "/v1/jobs/{job}", "/v1/jobs/{job}/cancel", "/v1/tokens"} <= set(
        api["paths"]
    )


async def test_the_description_has_every_schema_it_refers_to(gateway: FakeGateway) -> None:
    text = (await gateway.get("/openapi.json")).text
    known = (await gateway.get("/openapi.json")).json()["components"]["schemas"]

    referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred <= set(known)
    assert "HTTPValidationError" not in referred


def test_a_job_says_when_a_look_is_worth_while() -> None:
    now = 1_000_000
    assert poll_after(record(state=State.RUNNING), now_ms=now) == 1
    assert poll_after(record(state=State.SUCCEEDED), now_ms=now) is None
    assert poll_after(record(state=State.SCHEDULED, run_at=now + 4_001), now_ms=now) == 5
    assert poll_after(record(state=State.RETRYING, retry_at=now - 1), now_ms=now) == 1
    assert poll_after(record(state=State.SCHEDULED, run_at=now + 10**9), now_ms=now) == 60
