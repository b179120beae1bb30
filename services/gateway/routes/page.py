"""`/`: a page to submit a job and follow it, and the JavaScript client it is made of.

Plain files of `clients/page` and `clients/js`, read once; nothing on the page is from elsewhere,
and nothing of the house is in it: the key is its visitor's.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

_CLIENTS: Final = Path(__file__).parents[3] / "clients"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HOME: Final = "page/index.html"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str


def add_routes(app: FastAPI, *, stream_url: str) -> None:
    """Add the page and its files; `stream_url` is the one other address that it may call."""
    assets = dict(_read_all())
    headers = {
        "cache-control": "no-cache",  # keep it, and ask each time whether it is still true
        "content-security-policy": content_policy(stream_url),
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }

    @app.get("/", include_in_schema=False)
    async def show_page(request: Request) -> Response:
        """Show the page."""
        return _answer(assets[_HOME], request, headers)

    @app.get("/page/{name}", include_in_schema=False)
    async def get_page_file(name: str, request: Request) -> Response:
        """Return a file of the page."""
        return _answer(_found(assets, f"page/{name}"), request, headers)

    @app.get("/client/{name:path}", include_in_schema=False)
    async def get_client_file(name: str, request: Request) -> Response:
        """Return a module of the JavaScript client."""
        return _answer(_found(assets, f"client/{name}"), request, headers)


def content_policy(stream_url: str) -> str:
    """Return the Content-Security-Policy: own files, own API, and the notifier's two ways."""
    stream = urlsplit(stream_url)
    events = f"{stream.scheme.replace('ws', 'http', 1)}://{stream.netloc}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {stream.scheme}://{stream.netloc} {events}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _read_all() -> Iterator[tuple[str, Asset]]:
    for path, folder in (("page", _CLIENTS / "page"), ("client", _CLIENTS / "js" / "src")):
        for file in sorted(folder.rglob("*")):
            if file.suffix in _TYPES:
                name = f"{path}/{file.relative_to(folder).as_posix()}"
                yield name, _asset(file)


def _asset(file: Path) -> Asset:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:20]
    return Asset(content, _TYPES[file.suffix], f'"{digest}"')


def _found(assets: Mapping[str, Asset], path: str) -> Asset:
    if path not in assets:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return assets[path]


def _answer(asset: Asset, request: Request, headers: Mapping[str, str]) -> Response:
    told = {**headers, "etag": asset.etag}
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if asset.etag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
    return Response(asset.content, headers=told, media_type=asset.media_type)
