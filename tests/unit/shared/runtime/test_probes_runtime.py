"""/live, /ready and /metrics say what the checks say."""

import httpx
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette

from shared.runtime import probes


async def ask(path: str, *, wrong: str | None = None) -> httpx.Response:
    """Ask a service whose only doubtful part is its store."""
    registry = CollectorRegistry()
    Counter("waymark_things", "Things.", registry=registry).inc()
    routes = probes.routes(
        live={"loop": lambda: None},
        ready={"store": lambda: wrong, "broker": lambda: None},
        registry=registry,
    )
    transport = httpx.ASGITransport(app=Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_all_well_is_200() -> None:
    answer = await ask("/ready")

    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "checks": {"store": "ok", "broker": "ok"}}


async def test_one_bad_check_is_503_and_says_what_is_wrong() -> None:
    answer = await ask("/ready", wrong="Redis does not answer")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {"store": "Redis does not answer", "broker": "ok"},
    }


async def test_not_ready_is_still_alive() -> None:
    answer = await ask("/live", wrong="Redis does not answer")

    assert (answer.status_code, answer.json()) == (200, {"live": True, "checks": {"loop": "ok"}})


async def test_metrics_are_those_of_the_registry() -> None:
    answer = await ask("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert "waymark_things_total 1.0" in answer.text


async def test_metrics_are_openmetrics_for_who_accepts_that() -> None:
    registry = CollectorRegistry()
    Counter("waymark_things", "Things.", registry=registry).inc()
    app = Starlette(routes=probes.routes(live={}, ready={}, registry=registry))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(
            "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
        )

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
