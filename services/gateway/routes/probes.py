"""/live, /ready and /metrics: the house's own, here without the API's credentials."""

from collections.abc import Mapping

from fastapi import FastAPI

from services.gateway.parts import Parts
from shared.runtime import probes
from shared.runtime.probes import Probe


def add_routes(app: FastAPI, parts: Parts, *, ready: Mapping[str, Probe]) -> None:
    """Add the three; whoever answers at all is live."""
    app.router.routes.extend(probes.routes(live={}, ready=ready, registry=parts.metrics.registry))
