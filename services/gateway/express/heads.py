"""The head of an answer as bytes. What goes in is the house's own: no value has a line's end."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from services.gateway.express.front import RawHeader
from services.gateway.render import JSON

_LINES: Final = {
    int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def head_of(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request_id: str,
    standing: Sequence[RawHeader],
) -> bytes:
    """Return the head of an answer in JSON, without its blank line."""
    told = "".join([f"{name}: {text}\r\n" for name, text in headers.items()])
    rest = (
        f"{told}content-length: {len(body)}\r\ncontent-type: {JSON}\r\n"
        f"x-request-id: {request_id}\r\nvary: Origin\r\n"
    )
    return b"".join((_LINES[status], rest.encode("latin-1"), *_lines(standing)))


def head_of_problem(answer: Response, request_id: str, standing: Sequence[RawHeader]) -> bytes:
    """Return the head of a problem, without its blank line."""
    always = ((b"x-request-id", request_id.encode()), (b"vary", b"Origin"))
    told = (*answer.raw_headers, *always, *standing)
    return b"".join((_LINES[answer.status_code], *_lines(told)))


def _lines(headers: Sequence[RawHeader]) -> list[bytes]:
    return [b"%b: %b\r\n" % header for header in headers]
