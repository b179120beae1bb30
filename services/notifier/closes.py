"""Why a connection is closed: the one table. A code's range tells the client what to do next."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Close(IntEnum):
    """4000-4099 stop · 4100-4199 back off with full jitter · 4200-4299 resume at once."""

    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NOT_UTF8 = 1007
    TOO_BIG = 1009
    VERSION = 4000
    BAD_MESSAGE = 4001
    BAD_TOKEN = 4002
    FORBIDDEN = 4003
    TOO_MANY_ERRORS = 4005
    REVOKED = 4007
    INTERNAL = 4100
    TOKEN_EXPIRED = 4101
    NODE_FULL = 4102
    RATE_LIMITED = 4103
    NO_PONG = 4104
    NO_HELLO = 4105
    IDLE = 4106
    TOO_MANY_CONNECTIONS = 4107
    DRAINING = 4200
    SLOW = 4201
    STATE_INVALIDATED = 4202
    MAX_AGE = 4203


REASONS: Final[Mapping[Close, str]] = MappingProxyType(
    {
        Close.PROTOCOL_ERROR: "this is not how RFC 6455 has it",
        Close.UNSUPPORTED_DATA: "text messages only",
        Close.NOT_UTF8: "not UTF-8",
        Close.TOO_BIG: "message too big",
        Close.VERSION: "unsupported version: this server speaks version 1",
        Close.BAD_MESSAGE: "bad message: the first one must be a hello",
        Close.BAD_TOKEN: "invalid token",
        Close.FORBIDDEN: "the token allows nothing here",
        Close.TOO_MANY_ERRORS: "too many bad messages",
        Close.REVOKED: "revoked: the API key behind this token is no more",
        Close.INTERNAL: "internal error: a mistake of ours, try again",
        Close.TOKEN_EXPIRED: "token expired",
        Close.NODE_FULL: "this server is full: try again later",
        Close.RATE_LIMITED: "too many messages in too short a time",
        Close.NO_PONG: "nothing heard: no pong",
        Close.NO_HELLO: "no hello in time",
        Close.IDLE: "nothing is followed: connect again when something is to be",
        Close.TOO_MANY_CONNECTIONS: "too many connections of this token or its tenant",
        Close.DRAINING: "this server goes away: resume at once",
        Close.SLOW: "too slow: resume at once",
        Close.STATE_INVALIDATED: "what you know and what is told do not fit: forget your cursors",
        Close.MAX_AGE: "connected for long enough: resume at once",
    }
)


def reason_for(code: Close, detail: str = "") -> str:
    """Return what a client is told with a code; `detail`: what it means in this case."""
    return f"{REASONS[code]} ({detail})" if detail else REASONS[code]
