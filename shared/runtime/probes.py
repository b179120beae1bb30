"""/live, /ready and /metrics, made from named checks. What is checked is up to the service."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Probe = Callable[[], str | None]
"""None when all is well, else what is wrong, in words; answers at once, without I/O."""

_NOT_NOW: Final = 503


def routes(
    *, live: Mapping[str, Probe], ready: Mapping[str, Probe], registry: CollectorRegistry
) -> list[Route]:
    """Return the three routes.

    /live and /ready answer `{"live"|"ready": bool, "checks": {name: "ok" | what is wrong}}` with
    200 or 503; /metrics is Prometheus text (OpenMetrics for who accepts it).
    """

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        # Here, for what is counted without locks is this loop's; writing it out is three quarters
        # of a scrape's 30 ms, and holds nobody up elsewhere.
        told = cast("CollectorRegistry", _Told(list(registry.collect())))
        text = await asyncio.to_thread(encode, told)
        return Response(text, headers={"content-type": content_type})

    return [
        Route("/live", _answering("live", live)),
        Route("/ready", _answering("ready", ready)),
        Route("/metrics", metrics),
    ]


class _Told:
    """What a registry has told, as far as an encoder of it looks."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _answering(word: str, probes: Mapping[str, Probe]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        wrong = {name: probe() for name, probe in probes.items()}
        well = not any(wrong.values())
        checks = {name: complaint or "ok" for name, complaint in wrong.items()}
        return Response(
            json.dumps({word: well, "checks": checks}),
            status_code=200 if well else _NOT_NOW,
            headers={"content-type": "application/json", "cache-control": "no-store"},
        )

    return answer
