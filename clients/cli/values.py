"""What stands on the command line, as the JSON that is sent. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Final, Never


class BadValueError(ValueError):
    """Something on the command line cannot be read; the text says what."""


def payload_of(pairs: Sequence[str], text: str | None = None) -> dict[str, object]:
    """Return the payload in `key=value …`, on top of the JSON object in `text`.

    A value is JSON when it reads as JSON and otherwise itself: `rows=3` is a number, `name=x` a
    string, `name='"3"'` the string 3.

    Raises:
        BadValueError: no `=`, a key given twice, or a text that is no JSON object.
    """
    payload = {} if text is None else _object(text)
    given: set[str] = set()
    for pair in pairs:
        key, value = _split(pair)
        if key in given:
            raise BadValueError(f"{key!r} is given twice")
        given.add(key)
        payload[key] = _value(value)
    return payload


def labels_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return the labels in `key=value …`; values stay strings.

    Raises:
        BadValueError: no `=`.
    """
    return dict(_split(pair) for pair in pairs)


_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)


def seconds_of(duration: str) -> float:
    """Return the seconds in `90`, `90s`, `15m`, `6h` or `2d`.

    Raises:
        BadValueError: it is none of these.
    """
    found = _DURATION.fullmatch(duration.strip())
    if not found:
        raise BadValueError(f"{duration!r} is no duration, such as 90s, 15m, 6h or 2d")
    seconds = float(found[1]) * _SECONDS[found[2]]
    return int(seconds) if seconds.is_integer() else seconds


def _split(pair: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    if not (key and equals):
        raise BadValueError(f"{pair!r} is not of the form key=value")
    return key, value


def _value(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_such_json)
    except (ValueError, RecursionError):
        return text


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text, parse_constant=_no_such_json)
    except (ValueError, RecursionError) as fault:
        raise BadValueError(f"--json is not JSON: {fault}") from None
    if not isinstance(value, dict):
        raise BadValueError("--json is not a JSON object")
    return value


def _no_such_json(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")
