"""How requests arrive: by other methods, from browsers, with bodies in parts."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.gateway import FakeGateway


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def test_other_methods_of_its_path_still_reach_the_app(gateway: FakeGateway) -> None:
    listed = await gateway.get("/v1/jobs")
    wrong = await gateway.client.put("/v1/jobs")
    asked = await gateway.client.options(
        "/v1/jobs",
        headers={"origin": "http://localhost:3000", "access-control-request-method": "POST"},
    )

    assert (listed.status_code, wrong.status_code, asked.status_code) == (200, 405, 200)
    assert wrong.headers["allow"] == "GET, HEAD, POST"


async def test_a_browser_gets_its_cors_headers_and_a_service_what_caches_need(
    gateway: FakeGateway,
) -> None:
    browser = await gateway.submit(origin="http://localhost:3000")
    service = await gateway.submit()

    assert browser.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert [answer.headers["vary"] for answer in (browser, service)] == ["Origin", "Origin"]
    assert "access-control-allow-origin" not in service.headers


async def test_a_body_in_many_parts_is_one_body(gateway: FakeGateway) -> None:
    text = json.dumps({"type": "demo.steps", "payload": {"steps": 3}}).encode()

    async def in_parts() -> AsyncIterator[bytes]:
        for at in range(len(text)):
            yield text[at : at + 1]

    headers = {"content-type": "application/json", "content-length": str(len(text))}
    counted = await gateway.client.post("/v1/jobs", content=in_parts(), headers=headers)
    chunked = await gateway.client.post(
        "/v1/jobs", content=in_parts(), headers={"content-type": "application/json"}
    )

    assert (counted.status_code, chunked.status_code) == (202, 202)


async def test_a_body_that_is_longer_than_it_says_is_refused_all_the_same(
    gateway: FakeGateway,
) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (1 << 18)

    headers = {"content-type": "application/json", "content-length": "10"}
    answer = await gateway.client.post("/v1/jobs", content=long(), headers=headers)

    assert answer.status_code == 413
