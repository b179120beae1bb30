"""The outermost layer: what is let in when too many are inside, and what HEAD asks for."""

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from services.gateway.crowd import Crowd
from services.gateway.edge import Edge
from services.gateway.metrics import Metrics
from services.gateway.tracing import Tracing
from shared.runtime.tracing.spans import OFF
from tests.fakes.gateway import FakeGateway


async def test_probes_are_answered_when_nobody_else_is_let_in() -> None:
    full = Edge(PlainTextResponse("in"), metrics=Metrics(), tracing=Tracing(OFF), crowd=Crowd(0))
    transport = httpx.ASGITransport(full)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        shed = await client.get("/v1/jobs")
        probes = [await client.get(path) for path in ("/live", "/ready", "/metrics")]

    assert (shed.status_code, shed.json()["code"]) == (503, "overloaded")
    assert [probe.status_code for probe in probes] == [200, 200, 200]


async def test_whatever_can_be_read_can_be_asked_for_its_head(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path)
    job = (await gateway.submit()).json()["id"]

    heads = [
        await gateway.client.head(path)
        for path in (f"/v1/jobs/{job}", "/v1/jobs", "/v1/types", "/docs", "/v1/tokens")
    ]

    assert [head.status_code for head in heads] == [200, 200, 200, 200, 405]
    assert heads[0].headers["etag"]
    assert gateway.count(
        "waymark_http_requests_total",
        method="GET",
        route="/v1/jobs/{job}",
        status="200",
    )


def requests_to(metrics: Metrics, route: str, status: str, method: str = "POST") -> float | None:
    labels = {"method": method, "route": route, "status": status}
    return metrics.registry.get_sample_value("waymark_http_requests_total", labels)


async def test_a_submit_that_is_shed_is_counted_as_a_submit_and_a_made_up_path_is_not() -> None:
    metrics = Metrics()
    metrics.expect_requests("POST", "/v1/jobs", (202, 503))
    full = Edge(PlainTextResponse("in"), metrics=metrics, tracing=Tracing(OFF), crowd=Crowd(0))
    transport = httpx.ASGITransport(full)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        await client.post("/v1/jobs")
        await client.post("/made/up")

    assert requests_to(metrics, "/v1/jobs", "503") == 1
    assert requests_to(metrics, "/made/up", "503") is None
    assert requests_to(metrics, "(none)", "503", method="(other)") == 1


async def test_a_request_that_is_cancelled_with_its_server_was_not_answered() -> None:
    entered = asyncio.Event()

    async def for_ever(_scope: Scope, _receive: Receive, _send: Send) -> None:
        entered.set()
        await asyncio.Event().wait()

    metrics = Metrics()
    metrics.expect_requests("GET", "/v1/jobs", (200, 500))
    edge = Edge(for_ever, metrics=metrics, tracing=Tracing(OFF), crowd=Crowd(5))
    transport = httpx.ASGITransport(edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        asking = asyncio.create_task(client.get("/v1/jobs"))
        await entered.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert requests_to(metrics, "/v1/jobs", "500", method="GET") == 0
