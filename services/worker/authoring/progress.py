"""How far a job has come, as its JSON text. Pure."""

import math
from typing import Final

import msgspec

Number = int | float
Update = tuple[Number, Number | None, str]

LARGEST: Final = 2**53  # what a browser can still count
LONGEST_MESSAGE: Final = 500  # characters; the rest is cut
_NUMBERS: Final = (int, float)
_HUNDRED: Final = 100.0

_encoder = msgspec.json.Encoder()


def checked(current: Number, total: Number | None, message: str) -> Update:
    """Return the update as it was given.

    Raises:
        TypeError: not numbers and a text.
        ValueError: negative, NaN, infinite or beyond 2**53.
    """
    if current.__class__ not in _NUMBERS or not (total is None or total.__class__ in _NUMBERS):
        text = f"progress takes numbers, not {current!r} of {total!r}"
        raise TypeError(text)
    if message.__class__ is not str:
        text = f"the message of a progress is a text, not {message!r}"
        raise TypeError(text)
    # Written so that NaN, which compares false to everything, falls through.
    if 0 <= current <= LARGEST and (total is None or 0 <= total <= LARGEST):
        return (current, total, message)
    text = f"progress takes numbers from 0 to 2**53, not {current!r} of {total!r}"
    raise ValueError(text)


def percent(current: Number, total: Number | None) -> float | None:
    """Return 0.0-100.0 with one decimal; None without a total. Nothing of nothing is all of it."""
    if total is None:
        return None
    if current >= total:
        return _HUNDRED
    # Floored: 100 is only shown when all is done.
    return math.floor(1_000 * (current / total)) / 10


def encode(update: Update) -> str:
    """Return the JSON text of `{current, total, percent, message}`."""
    current, total, message = update
    if len(message) > LONGEST_MESSAGE:
        message = message[: LONGEST_MESSAGE - 1] + "…"
    told = {
        "current": current,
        "total": total,
        "percent": percent(current, total),
        # A lone surrogate (from a file name, say) has no UTF-8.
        "message": message.encode(errors="replace").decode(),
    }
    return _encoder.encode(told).decode()
