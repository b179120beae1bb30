"""The body of a request: read with a limit, and JSON in its strictest reading.

Python's own parser takes NaN, Infinity, 1e999, lone surrogates and repeated keys; other readers
down the road (Lua, JavaScript) do not, or read them differently. They stop here.
"""

import asyncio
import json
import json.scanner
import math
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NoReturn

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from services.gateway.refusals import (
    BadHeader,
    BodyCutOff,
    BodyTimedOut,
    BodyTooLarge,
    NotAcceptedMediaType,
    NotJson,
    TooDeep,
)

READ_SECONDS: Final = 15.0
DRAIN_SECONDS: Final = 2.0
DRAIN_BYTES: Final = 8 * 1024 * 1024
MAX_DEPTH: Final = 32
_NESTED: Final = frozenset({dict, list})


def check_json_headers(headers: Mapping[str, str]) -> None:
    """Refuse what is not plain application/json.

    Raises:
        NotAcceptedMediaType: another type, another charset than UTF-8, or a content encoding.
    """
    if headers.get("content-type") == "application/json" and "content-encoding" not in headers:
        return
    media_type, *parameters = headers.get("content-type", "").lower().split(";")
    halves = (parameter.partition("=") for parameter in parameters)
    named = {name.strip(): value.strip(' "') for name, _, value in halves}
    charset = named.get("charset", "utf-8")  # no other parameter means anything to JSON
    if media_type.strip() != "application/json" or charset not in {"utf-8", "utf8"}:
        raise NotAcceptedMediaType
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise NotAcceptedMediaType("A content encoding is not accepted: send the JSON as it is.")


async def read_json(request: Request, *, limit: int) -> object:
    """Return the JSON of a body of at most `limit` bytes.

    Raises:
        Refusal: as check_json_headers, read_body and parse_json do.
    """
    check_json_headers(request.headers)
    return parse_json(await read_body(request.stream(), request.headers, limit=limit))


async def optional_json(request: Request, *, limit: int) -> object:
    """Return the JSON of a body of at most `limit` bytes; of none, an empty object.

    Raises:
        Refusal: as check_json_headers, read_body and parse_json do.
    """
    body = await read_body(request.stream(), request.headers, limit=limit)
    if not body:
        return {}
    check_json_headers(request.headers)
    return parse_json(body)


async def receive_body(request: Request, *, limit: int) -> bytes:
    """Return the whole body, as `read_body` does; one that has come with its head costs less."""
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared) > limit:
        return await read_body(request.stream(), request.headers, limit=limit)
    try:
        async with asyncio.timeout(READ_SECONDS):
            first = await request.receive()
    except TimeoutError as late:
        raise BodyTimedOut from late
    if first["type"] == "http.request" and not first.get("more_body"):
        return bytes(first.get("body", b""))  # the server has seen to it that it is no longer
    return await read_body(_resumed(first, request), request.headers, limit=limit)


async def _resumed(first: Message, request: Request) -> AsyncIterator[bytes]:
    if first["type"] == "http.disconnect":
        raise ClientDisconnect
    yield first.get("body", b"")
    async for chunk in request.stream():
        yield chunk


async def read_body(
    stream: AsyncIterator[bytes], headers: Mapping[str, str], *, limit: int
) -> bytes:
    """Return the whole body, at most `limit` bytes, counted while it arrives.

    Raises:
        BodyTooLarge: it has more, or says so.
        BodyTimedOut: it did not arrive within 15 s.
        BodyCutOff: the client hung up before its end.
        BadHeader: Content-Length is no number.
    """
    declared = headers.get("content-length", "0")
    if not declared.isdecimal():
        raise BadHeader("Content-Length is not a number.")
    if int(declared) > limit and headers.get("expect", "").lower() == "100-continue":
        raise BodyTooLarge(_too_large(limit))  # nothing was sent yet, and nothing needs to be
    chunks: list[bytes] = []
    size = int(declared) if int(declared) > limit else 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in _within(limit, stream, size):
                chunks.append(chunk)  # noqa: PERF401 - what arrived before the deadline is dropped
    except TimeoutError as late:
        raise BodyTimedOut from late
    except ClientDisconnect as gone:
        raise BodyCutOff from gone
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _within(limit: int, stream: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            await _drain(stream)
            raise BodyTooLarge(_too_large(limit))
        yield chunk


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit} bytes."


async def _drain(stream: AsyncIterator[bytes]) -> None:
    # Closing on bytes that nobody read resets the connection, and the client never sees why.
    left = DRAIN_BYTES
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    return
    except TimeoutError:
        return


def parse_json(body: bytes) -> object:
    """Return the value of a JSON text.

    Raises:
        NotJson: not UTF-8, not JSON, a number beyond a double's range, a lone surrogate or an
            object with the same key twice.
        TooDeep: more than 32 levels.
    """
    try:
        text = body.decode()
        value = _value_of(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as fault:
        raise TooDeep from fault
    except UnicodeEncodeError as fault:
        raise NotJson("The body is not JSON: a lone surrogate is no character.") from fault
    except ValueError as fault:
        raise NotJson(f"The body is not JSON: {_reason(fault)}") from fault
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    return value


def _value_of(text: str) -> object:
    # `decode` looks for white space on both sides first, which most texts have not
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decoder.decode(text)
    return value if end == len(text) else _decoder.decode(text)


def canonical(value: object) -> bytes:
    """Return the one text of a JSON value, whatever the order of keys and white space was."""
    try:
        return _canonical(value)
    except OverflowError:  # an integer of more than 64 bits
        return _canonical_of_any(value).encode()


def _check_depth(value: object) -> None:
    level: list[Any] = [value] if type(value) in _NESTED else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _NESTED
        ]
    if level:
        raise TooDeep(f"The JSON is nested more than {MAX_DEPTH} levels deep.")


def _reason(fault: ValueError) -> str:
    if isinstance(fault, json.JSONDecodeError):
        return f"{fault.msg} at line {fault.lineno} column {fault.colno}."
    if isinstance(fault, UnicodeDecodeError):
        return f"byte {fault.start} is not UTF-8."
    if "integer string conversion" in str(fault):  # Python's words, and its way around it
        return f"a number has more than {sys.get_int_max_str_digits()} digits."
    return str(fault)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"an object has the key {twice[:64]!r} twice.")
    return value


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:32]} is too large.")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number.")


_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_canonical_of_any: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
)
_scan: Final = json.scanner.make_scanner(_decoder)  # type: ignore[arg-type]  # the one that `decode` asks
