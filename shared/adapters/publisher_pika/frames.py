"""The bytes of a `basic.publish` and of its confirm: AMQP 0-9-1, sections 2.3.5 and 4.2. Pure.

pika builds five objects for each message and packs them field by field; that was a third of what
the processor did for a publish. What we send is always of the same shape, so most of it is known.
The same goes for what we hear.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

_METHOD, _HEADER, _BODY, _END = 1, 2, 3, 0xCE
_BASIC, _PUBLISH, _ACK, _NACK = 60, 40, 80, 120
_MANDATORY: Final = 0b01
_PERSISTENT: Final = 2
# Which properties follow, in this order: content-type, headers where there are any, delivery-mode,
# correlation-id, message-id.
_FLAGS: Final = 1 << 15 | 1 << 12 | 1 << 10 | 1 << 7
_HEADERS_FLAG: Final = 1 << 13
_CONTENT_TYPE: Final = b"application/json"
_method_head: Final = struct.Struct(">BHLHHH").pack
_content_head: Final = struct.Struct(">BHLHHQH").pack
_body_head: Final = struct.Struct(">BBHL").pack  # after the end of the frame before it
_answer: Final = struct.Struct(">BHLHHQBB")  # of a confirm, whole
_ANSWER_PAYLOAD_BYTES: Final = _answer.size - 8  # without the frame around it
CONFIRM_BYTES: Final = _answer.size
_MULTIPLE: Final = 0b01
_METHOD_HEAD_BYTES: Final = 6  # of its payload: class, method, a reserved short
_CONTENT_HEAD_BYTES: Final = 14  # class, weight, size, flags
_PROPERTIES_START: Final = bytes([len(_CONTENT_TYPE)]) + _CONTENT_TYPE
_CONTENT_START_BYTES: Final = _CONTENT_HEAD_BYTES + len(_PROPERTIES_START) + 3  # mode, two lengths
_TAIL: Final = bytes([_END])
_MANDATORY_END: Final = bytes([_MANDATORY, _END])
_WAYS_KNOWN: Final = 1024  # a few queues; each delay has a routing key of its own


def publish_frames(
    channel: int,
    exchange: str,
    routing_key: str,
    body: bytes,
    *,
    number: int,
    message_id: str,
    frame_max: int,
    headers: bytes = b"",
) -> bytes:
    """Return the frames of one persistent, mandatory JSON message.

    `number` becomes its correlation id; `headers` is a table (`header_table`) or nothing.
    `frame_max` is what the connection agreed on, in bytes.
    Names are ASCII of at most 255 characters, as every queue, exchange and job id of the house is.
    """
    correlation_id, job = b"%d" % number, message_id.encode("ascii")
    sizes = len(correlation_id), len(job)
    size, most = len(body), frame_max - 8
    head = _content_head(
        _HEADER,
        channel,
        _CONTENT_START_BYTES + len(headers) + sum(sizes),
        _BASIC,
        0,
        size,
        _FLAGS | _HEADERS_FLAG if headers else _FLAGS,
    )
    return b"%b%b%b%b%c%c%b%c%b%b" % (
        _method_frame(channel, exchange, routing_key),
        head,
        _PROPERTIES_START,
        headers,
        _PERSISTENT,
        sizes[0],
        correlation_id,
        sizes[1],
        job,
        b"%b%b\xce" % (_body_head(_END, _BODY, channel, size), body)
        if 0 < size <= most
        else _body_frames(channel, body, most),
    )


def header_table(headers: Mapping[str, str]) -> bytes:
    """Return headers as a field table of long strings; their names and texts are ASCII."""
    fields = b"".join(
        [
            b"%bS%b%b" % (_short(name), len(text).to_bytes(4, "big"), text.encode("ascii"))
            for name, text in headers.items()
        ]
    )
    return len(fields).to_bytes(4, "big") + fields


class Heard(NamedTuple):
    """One confirm: the broker has, or refuses (not `has`), a message, or all up to that one."""

    number: int
    multiple: bool
    has: bool


def leading_confirms(channel: int, heard: bytes) -> list[Heard]:
    """Return the confirms on a channel that `heard` begins with: each takes CONFIRM_BYTES of it."""
    found: list[Heard] = []
    for at in range(0, len(heard) - CONFIRM_BYTES + 1, CONFIRM_BYTES):
        kind, on, size, class_, method, number, bits, end = _answer.unpack_from(heard, at)
        is_confirm = class_ == _BASIC and method in {_ACK, _NACK} and size == _ANSWER_PAYLOAD_BYTES
        if not is_confirm or (kind, on, end) != (_METHOD, channel, _END):
            break
        found.append(Heard(number, bool(bits & _MULTIPLE), method == _ACK))
    return found


@lru_cache(maxsize=_WAYS_KNOWN)
def _method_frame(channel: int, exchange: str, routing_key: str) -> bytes:
    where = _short(exchange) + _short(routing_key)
    size = _METHOD_HEAD_BYTES + len(where) + 1
    return _method_head(_METHOD, channel, size, _BASIC, _PUBLISH, 0) + where + _MANDATORY_END


def _body_frames(channel: int, body: bytes, most: int) -> bytes:
    parts: list[bytes] = []
    for start in range(0, len(body), most):
        part = body[start : start + most]
        parts += (_body_head(_END, _BODY, channel, len(part)), part)
    return b"".join((*parts, _TAIL))


def _short(text: str) -> bytes:
    name = text.encode("ascii")
    return bytes((len(name),)) + name
