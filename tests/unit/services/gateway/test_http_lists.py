"""GET /v1/jobs with filters, on fakes."""

from pathlib import Path
from typing import Any

import pytest

from services.gateway.times import rfc3339
from tests.fakes.gateway import FakeGateway, as_key, pointers
from tests.fakes.registry import an_entry


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path, an_entry(), an_entry("demo.other"))


async def submit(gateway: FakeGateway, **members: Any) -> str:
    gateway.store.now += 1
    body = {"type": "demo.steps", "payload": {"steps": 1}, **members}
    answer = await gateway.submit(body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def listed(gateway: FakeGateway, query: str, **headers: str) -> list[str]:
    """Walk through all pages of two."""
    found: list[str] = []
    path = f"/v1/jobs?{query}&limit=2"
    while path:
        answer = await gateway.get(path, **headers)
        assert answer.status_code == 200, answer.text
        found += [job["id"] for job in answer.json()["data"]]
        link = answer.headers.get("link", "")
        path = link.partition("<http://api.test")[2].partition(">")[0]
    return found


async def test_jobs_are_found_by_what_they_have(gateway: FakeGateway) -> None:
    a = await submit(gateway, labels={"team": "x y&z", "n": "1"})
    b = await submit(gateway, queue="bulk", labels={"team": "x y&z"})
    c = await submit(gateway, type="demo.other", delay_seconds=60)
    await gateway.post(f"/v1/jobs/{a}/cancel")

    assert await listed(gateway, "state=cancelled") == [a]
    assert await listed(gateway, "state=scheduled") == [c]
    assert await listed(gateway, "type=demo.other") == [c]
    assert await listed(gateway, "queue=default") == [c, a]
    assert await listed(gateway, "label.team=x+y%26z") == [b, a]
    assert await listed(gateway, "label.team=x+y%26z&label.n=1") == [a]
    assert await listed(gateway, "label.team=x+y%26z&state=queued") == [b]
    assert await listed(gateway, "label.team=x+y%26z", authorization=as_key("other")) == []


async def test_jobs_are_found_by_when_they_were_made(gateway: FakeGateway) -> None:
    jobs = [await submit(gateway) for _ in range(5)]
    first = gateway.store.now - 4
    moments = [rfc3339(first + number) for number in range(5)]

    assert await listed(gateway, f"created_after={moments[3]}") == [jobs[4], jobs[3]]
    assert await listed(gateway, f"created_before={moments[2]}") == [jobs[1], jobs[0]]
    both = f"created_after={moments[1]}&created_before={moments[4]}"
    assert await listed(gateway, both) == [jobs[3], jobs[2], jobs[1]]


async def test_the_link_keeps_the_filter_and_the_limit(gateway: FakeGateway) -> None:
    for _ in range(5):
        await submit(gateway, labels={"team": "x"})
        await submit(gateway)

    answer = await gateway.get("/v1/jobs?label.team=x&state=queued&limit=2")

    link = answer.headers["link"]
    assert "label.team=x" in link
    assert "state=queued" in link
    assert "limit=2" in link
    assert answer.json()["page"]["next"] in link


async def test_a_cursor_of_another_filter_is_400(gateway: FakeGateway) -> None:
    for _ in range(3):
        await submit(gateway)
    cursor = (await gateway.get("/v1/jobs?limit=1")).json()["page"]["next"]

    answer = await gateway.get(f"/v1/jobs?cursor={cursor}&state=queued")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


async def test_every_parameter_at_fault_is_pointed_to(gateway: FakeGateway) -> None:
    answer = await gateway.get("/v1/jobs?state=done&label.=x&colour=red")

    assert (answer.status_code, answer.json()["code"]) == (422, "validation-failed")
    assert pointers(answer) == ["/query/state", "/query/label.", "/query/colour"]
