"""Why a connection is closed: the one table. A code's range tells the client what to do next."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Close(IntEnum):
    """4000-4099 stop · 4100-4199 back off with full jitter · 4200-4299 resume at once."""

    UNSUPPORTED_DATA = 1003
    NOT_UTF8 = 1007
    TOO_BIG = 1009
    VERSION = 4000
    BAD_MESSAGE = 4001
    BAD_TOKEN = 4002
    FORBIDDEN = 4003
    TOO_MANY_ERRORS = 4005
    TOKEN_EXPIRED = 4101
    NO_PONG = 4104
    NO_HELLO = 4105
    DRAINING = 4200
    SLOW = 4201


REASONS: Final[Mapping[Close, str]] = MappingProxyType(
    {
        Close.UNSUPPORTED_DATA: "text messages only",
        Close.NOT_UTF8: "not UTF-8",
        Close.TOO_BIG: "message too big",
        Close.VERSION: "unsupported version: this server speaks version 1",
        Close.BAD_MESSAGE: "bad message: the first one must be a hello",
        Close.BAD_TOKEN: "invalid token",
        Close.FORBIDDEN: "the token allows nothing here",
        Close.TOO_MANY_ERRORS: "too many bad messages",
        Close.TOKEN_EXPIRED: "token expired",
        Close.NO_PONG: "nothing heard: no pong",
        Close.NO_HELLO: "no hello in time",
        Close.DRAINING: "this server goes away: resume at once",
        Close.SLOW: "too slow: resume at once",
    }
)
