"""/docs: the OpenAPI document on one page of ours, without anything from elsewhere.

The page reads /openapi.json and, with a key that its reader pastes, /v1/types.
"""

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Response

_CSP: Final = (
    "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_routes(app: FastAPI) -> None:
    """Add the page."""
    page = Path(__file__).with_name("docs.html").read_bytes()

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> Response:
        """Show how to use the API."""
        headers = {"content-security-policy": _CSP, "cache-control": "no-cache"}
        return Response(page, headers=headers, media_type="text/html; charset=utf-8")
