"""How much a caller may ask, over HTTP, on fakes."""

import asyncio
from pathlib import Path

import httpx
import pytest

from services.gateway.rate.turnstile import FAILURES
from shared.contracts.rates import Rate
from tests.fakes.gateway import FakeGateway, as_key

FIVE = Rate(0.01, 5)


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path, rate=FIVE, token_rate=Rate(0.01, 2))


async def statuses(gateway: FakeGateway, many: int, authorization: str) -> list[int]:
    answers = [await gateway.get("/v1/jobs", authorization=authorization) for _ in range(many)]
    return [answer.status_code for answer in answers]


def refusals(gateway: FakeGateway, reason: str) -> float:
    return gateway.count("waymark_http_refusals_total", reason=reason)


async def test_every_answer_says_how_the_caller_stands(gateway: FakeGateway) -> None:
    answers = [
        await gateway.get("/v1/jobs"),
        await gateway.submit({"type": "demo.steps"}),
        await gateway.submit(),
        await gateway.get("/v1/jobs/nothing"),
    ]

    assert [answer.status_code for answer in answers] == [200, 422, 202, 404]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"tenant";q=5;w=500'}
    assert [answer.headers["ratelimit"] for answer in answers] == [
        f'"tenant";r={left};t={(5 - left) * 100}' for left in (4, 3, 2, 1)
    ]


async def test_who_asks_too_much_is_told_when_to_come_again(gateway: FakeGateway) -> None:
    assert await statuses(gateway, 5, as_key("dev")) == [200] * 5

    refused = await gateway.submit()

    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["retryable"]) == (
        429,
        "rate-limited",
        True,
    )
    assert problem["violated_policies"] == ["tenant"]
    assert 95 <= int(refused.headers["retry-after"]) <= 100
    assert refused.headers["ratelimit"] == '"tenant";r=0;t=500'
    assert not gateway.publisher.sent
    assert refusals(gateway, "tenant_rate") == 1


async def test_the_keys_of_one_tenant_share_its_rate_and_no_other_tenant_does(
    gateway: FakeGateway,
) -> None:
    await statuses(gateway, 5, as_key("dev"))

    assert await statuses(gateway, 1, as_key("reader")) == [429]
    assert await statuses(gateway, 1, as_key("other")) == [200]


async def test_an_operator_reaches_a_tenant_that_has_used_up_its_rate(
    gateway: FakeGateway,
) -> None:
    await statuses(gateway, 6, as_key("dev"))

    answer = await gateway.get("/v1/jobs", authorization=as_key("sre"), waymark_tenant="dev")

    assert answer.status_code == 200


async def test_a_page_cannot_use_up_what_its_tenant_s_services_need(gateway: FakeGateway) -> None:
    accepted = (await gateway.submit()).json()
    token = f"Bearer {accepted['access']['token']}"
    path = f"/v1/jobs/{accepted['id']}"

    reads = [await gateway.get(path, authorization=token) for _ in range(3)]

    assert [read.status_code for read in reads] == [200, 200, 429]
    assert reads[2].json()["violated_policies"] == ["token"]
    assert reads[0].headers["ratelimit-policy"] == '"token";q=2;w=200'
    assert (await gateway.get("/v1/jobs")).headers["ratelimit"].startswith('"tenant";r=3;')
    assert refusals(gateway, "token_rate") == 1


async def test_all_pages_of_a_tenant_together_have_a_rate_too(gateway: FakeGateway) -> None:
    accepted = (await gateway.submit()).json()
    path = f"/v1/jobs/{accepted['id']}"
    tokens = [
        (await gateway.post("/v1/tokens", {"jobs": [accepted["id"]]})).json()["token"]
        for _ in range(4)
    ]

    reads = [
        await gateway.get(path, authorization=f"Bearer {token}")
        for token in tokens
        for _ in range(2)
    ]

    assert [read.status_code for read in reads] == [200] * 5 + [429] * 3
    assert reads[-1].json()["violated_policies"] == ["pages"]


async def test_an_address_that_keeps_guessing_is_slowed_down_and_honest_ones_behind_it_are_not(
    gateway: FakeGateway,
) -> None:
    guesses = []
    for _ in range(3):  # at once: one after the other they wait for a look at the store each
        guesses += await asyncio.gather(
            *(statuses(gateway, 1, "Bearer wm_dev_guess") for _ in range(50))
        )

    assert guesses.count([401]) >= FAILURES.burst
    assert guesses.count([429]) >= 30
    assert refusals(gateway, "address_rate") > 0
    assert await statuses(gateway, 1, as_key("dev")) == [200]


async def test_unknown_keys_beyond_the_bound_do_not_reach_the_store(gateway: FakeGateway) -> None:
    gateway.key_book.away = True  # else each would wait for its look

    found = await statuses(gateway, FAILURES.burst + 20, "Bearer wm_nobody_guess")

    assert set(found[: FAILURES.burst]) == {503}
    assert found[-1] == 429


async def test_another_address_is_not_slowed_down(gateway: FakeGateway) -> None:
    await statuses(gateway, FAILURES.burst + 20, "Bearer nonsense")
    app = gateway.client._transport.app  # type: ignore[attr-defined]

    found = []
    for address in ("10.0.0.9", "2001:db8::1"):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as other:
            headers = {"authorization": "Bearer nonsense"}
            found.append((await other.get("/v1/jobs", headers=headers)).status_code)

    assert found == [401, 401]


async def test_why_requests_are_turned_away_is_counted(gateway: FakeGateway) -> None:
    for authorization in ("", "Bearer nonsense", "Bearer wm_dev_guess", "Bearer a.b.c"):
        await gateway.get("/v1/jobs", authorization=authorization)
    await gateway.get("/v1/jobs", waymark_tenant="other")

    reasons = ("no_credential", "malformed", "unknown_key", "bad_token", "forbidden")
    assert {reason: refusals(gateway, reason) for reason in reasons} == dict.fromkeys(reasons, 1)


async def test_without_the_store_reads_are_limited_by_the_gateway_alone(
    gateway: FakeGateway,
) -> None:
    gateway.buckets.away = True

    assert await statuses(gateway, 6, as_key("dev")) == [200] * 5 + [429]


async def test_probes_and_the_description_have_no_rate(gateway: FakeGateway) -> None:
    await statuses(gateway, 6, as_key("dev"))

    answers = [await gateway.get(path) for path in ("/live", "/metrics", "/openapi.json")]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert not any("ratelimit" in answer.headers for answer in answers)
