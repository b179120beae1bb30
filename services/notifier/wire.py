"""Server-side WebSocket framing of a whole text message. Pure."""

from typing import Final

_TEXT: Final = 0x81  # FIN and the text opcode; a server does not mask (RFC 6455, section 5.2)
_SHORT: Final = 126
_MEDIUM: Final = 1 << 16


def text_frame(body: bytes) -> bytes:
    """Return `body` as one unfragmented text frame, ready to be written to any client."""
    size = len(body)
    if size < _SHORT:
        return bytes((_TEXT, size)) + body
    if size < _MEDIUM:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + body
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + body
