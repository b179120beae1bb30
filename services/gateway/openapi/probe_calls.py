"""/live, /ready and /metrics, which are no FastAPI routes: their part of the document."""

from typing import Any, Final

from services.gateway.openapi.headers import answered

Extra = dict[str, Any]

_HEALTH: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
_WELL: Final = {"ready": True, "checks": {"store": "ok", "broker": "ok"}}
_UNWELL: Final = {"ready": False, "checks": {"store": "Redis does not answer", "broker": "ok"}}


def named() -> dict[str, Extra]:
    """Return every schema by its name."""
    flag: Extra = {"type": "boolean"}
    return {
        "Health": {
            "type": "object",
            "properties": {
                "live": flag,
                "ready": flag,
                "checks": {
                    "type": "object",
                    "description": "`ok`, or what is wrong, in words.",
                    "additionalProperties": {"type": "string"},
                },
            },
            "required": ["checks"],
            "examples": [_WELL, _UNWELL],
        }
    }


def _call(name: str, words: str, responses: Extra) -> Extra:
    return {
        "get": {
            "operationId": name,
            "summary": name.replace("_", " ").capitalize(),
            "description": words,
            "tags": ["probes"],
            "security": [],
            "responses": responses,
        }
    }


def _health(description: str) -> Extra:
    return {"description": description, "headers": answered(), "content": _HEALTH}


PATHS: Final[Extra] = {
    "/live": _call("is_live", "Is the process there?", {"200": _health("It answers.")}),
    "/ready": _call(
        "is_ready",
        "Should it get requests?",
        {"200": _health("Yes."), "503": _health("No: `checks` says why.")},
    ),
    "/metrics": _call(
        "read_metrics",
        "What the process counts, for Prometheus.",
        {
            "200": {
                "description": "Prometheus text, or OpenMetrics for who accepts it.",
                "headers": answered(),
                "content": {
                    "text/plain": {"schema": {"type": "string"}},
                    "application/openmetrics-text": {"schema": {"type": "string"}},
                },
            }
        },
    ),
}
