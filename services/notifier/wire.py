"""Server-side WebSocket framing: whole messages and control frames. Pure."""

from typing import Final

_TEXT: Final = 0x81  # FIN and the text opcode; a server does not mask (RFC 6455, section 5.2)
_CLOSE: Final = 0x88
_PONG: Final = 0x8A
_SHORT: Final = 126
_MEDIUM: Final = 1 << 16
_MOST_OF_A_CONTROL_FRAME: Final = 125  # bytes (RFC 6455, section 5.5)


def text_frame(body: bytes) -> bytes:
    """Return `body` as one unfragmented text frame, ready to be written to any client."""
    size = len(body)
    if size < _SHORT:
        return bytes((_TEXT, size)) + body
    if size < _MEDIUM:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + body
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + body


def pong_frame(body: bytes) -> bytes:
    """Return the answer to a ping that carried `body` (at most 125 bytes)."""
    return bytes((_PONG, len(body))) + body


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; of a reason that is too long only the beginning."""
    return closing_frame(code.to_bytes(2, "big") + reason.encode())


def closing_frame(body: bytes) -> bytes:
    """Return a close frame of this body: nothing, or a code and a reason."""
    kept = body[:_MOST_OF_A_CONTROL_FRAME]
    while kept[2:] and not _is_utf8(kept[2:]):
        kept = kept[:-1]
    return bytes((_CLOSE, len(kept))) + kept


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def body_of(frame: bytes) -> bytes:
    """Return what `text_frame` was given."""
    size = frame[1]
    return frame[2 if size < _SHORT else 4 if size == _SHORT else 10 :]
