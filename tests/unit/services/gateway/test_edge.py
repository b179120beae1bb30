"""The outermost layer: what is let in when too many are inside, and what HEAD asks for."""

from pathlib import Path

import httpx
from starlette.responses import PlainTextResponse

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
