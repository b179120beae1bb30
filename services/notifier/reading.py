"""Frames of one client, as RFC 6455 has them, made into messages. Sans-I/O.

Our own and small, because websockets' `ServerProtocol` keeps a request, a generator and buffers a
connection: more memory than all the rest of a client that only listens.
"""

import codecs
from typing import Final

import msgspec

from services.notifier.closes import Close

_CONTINUATION: Final = 0x0
_TEXT: Final = 0x1
_BINARY: Final = 0x2
_CLOSE: Final = 0x8
_PING: Final = 0x9
_PONG: Final = 0xA
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_IS_CONTROL: Final = 0x8
_MOST_OF_A_CONTROL_FRAME: Final = 125
_KNOWN: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_MASK_BYTES: Final = 4
# Section 7.4 and the registry of IANA; 1005, 1006 and 1015 are never sent.
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


class Text(msgspec.Struct, frozen=True):
    """A whole text message."""

    text: str


class Binary(msgspec.Struct, frozen=True):
    """A whole binary message: what was in it is of no interest here."""


class Ping(msgspec.Struct, frozen=True):
    """To be answered with a pong of the same body."""

    body: bytes


class Pong(msgspec.Struct, frozen=True):
    """The client is there."""


class Bye(msgspec.Struct, frozen=True):
    """The client closes, or answers our close; `body` is its code and reason, or nothing."""

    body: bytes


class Breach(msgspec.Struct, frozen=True):
    """What came is no WebSocket, or too much of it; nothing is read any more."""

    code: Close


Heard = Text | Binary | Ping | Pong | Bye | Breach


class _Broken(Exception):
    def __init__(self, code: Close) -> None:
        super().__init__(code)
        self.code = code


class Reader:
    """Feed it what arrives; after a `Bye` or a `Breach` it is deaf."""

    __slots__ = ("_buffer", "_deaf", "_decoder", "_opcode", "_parts", "_size", "max_size")

    def __init__(self, max_size: int) -> None:
        """Nothing was heard yet; a message may have `max_size` bytes."""
        self.max_size = max_size
        self._buffer = b""
        self._deaf = False
        # Of a message in pieces: what it is, how many bytes came, and its text so far.
        self._opcode = _CONTINUATION
        self._size = 0
        self._parts: list[str] | None = None
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, data: bytes) -> list[Heard]:
        """Return what is complete now, in order."""
        if self._deaf:
            return []
        buffer = self._buffer + data if self._buffer else data
        heard: list[Heard] = []
        start = 0
        try:
            while (end := self._end_of_frame(buffer, start)) is not None:
                one = self._frame(buffer, start, end)
                start = end
                if one is not None:
                    heard.append(one)
                if isinstance(one, Bye):
                    break
        except _Broken as breach:
            heard.append(Breach(breach.code))
            self._deaf = True
        self._buffer = b"" if self._deaf else buffer[start:]
        return heard

    def _end_of_frame(self, buffer: bytes, start: int) -> int | None:
        """Judge the head; None: not all of the frame is there.

        Raises:
            _Broken: it need not come either.
        """
        if len(buffer) - start < 2:  # noqa: PLR2004 - the fixed part of a head
            return None
        head, size = buffer[start], buffer[start + 1] & ~_MASKED
        self._judge(head, buffer[start + 1])
        wide = {126: 2, 127: 8}.get(size, 0)
        body_at = start + 2 + wide + _MASK_BYTES
        if wide:
            if len(buffer) < start + 2 + wide:
                return None
            size = int.from_bytes(buffer[start + 2 : start + 2 + wide], "big")
            if size >> 63:
                raise _Broken(Close.PROTOCOL_ERROR)
        if not head & _IS_CONTROL and self._size + size > self.max_size:
            raise _Broken(Close.TOO_BIG)
        return body_at + size if len(buffer) >= body_at + size else None

    def _judge(self, head: int, second: int) -> None:
        opcode = head & 0xF
        in_pieces = self._opcode != _CONTINUATION
        wrong = head & _RESERVED or opcode not in _KNOWN or not second & _MASKED
        if opcode & _IS_CONTROL:
            too_long = second & ~_MASKED > _MOST_OF_A_CONTROL_FRAME
            wrong = wrong or not head & _FIN or too_long
        else:
            wrong = wrong or (opcode == _CONTINUATION) != in_pieces
        if wrong:
            raise _Broken(Close.PROTOCOL_ERROR)

    def _frame(self, buffer: bytes, start: int, end: int) -> Heard | None:
        body_at = start + 2 + {126: 2, 127: 8}.get(buffer[start + 1] & ~_MASKED, 0) + _MASK_BYTES
        mask = buffer[body_at - _MASK_BYTES : body_at]
        body = _unmasked(buffer[body_at:end], mask)
        opcode = buffer[start] & 0xF
        if opcode == _PING:
            return Ping(body)
        if opcode == _PONG:
            return Pong()
        if opcode == _CLOSE:
            return self._bye(body)
        return self._data(opcode, body, final=bool(buffer[start] & _FIN))

    def _bye(self, body: bytes) -> Bye:
        if body and (len(body) == 1 or int.from_bytes(body[:2], "big") not in _CLOSE_CODES):
            raise _Broken(Close.PROTOCOL_ERROR)
        _text(body[2:])
        self._deaf = True
        return Bye(body)

    def _data(self, opcode: int, body: bytes, *, final: bool) -> Heard | None:
        if final and opcode == _TEXT:
            return Text(_text(body))
        if opcode != _CONTINUATION:
            self._opcode = opcode
        self._size += len(body)
        is_text = self._opcode == _TEXT
        if is_text:
            self._keep(body, final=final)
        if not final:
            return None
        parts, self._parts = self._parts or [], None
        self._opcode, self._size, self._decoder = _CONTINUATION, 0, None
        return Text("".join(parts)) if is_text else Binary()

    def _keep(self, body: bytes, *, final: bool) -> None:
        # Decoded piece by piece, so that what can be no text is refused before its end.
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder("utf-8")()
            self._parts = []
        try:
            part = self._decoder.decode(body, final)
        except UnicodeDecodeError:
            raise _Broken(Close.NOT_UTF8) from None
        if part and self._parts is not None:
            self._parts.append(part)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise _Broken(Close.NOT_UTF8) from None


def _unmasked(body: bytes, mask: bytes) -> bytes:
    size = len(body)
    repeated = (mask * (size // _MASK_BYTES + 1))[:size]
    one = int.from_bytes(body, "little") ^ int.from_bytes(repeated, "little")
    return one.to_bytes(size, "little")
