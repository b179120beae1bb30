"""What kind of value a cell holds. Pure."""

import math
import re
from datetime import date, datetime
from enum import StrEnum
from typing import Final

NULLS: Final = frozenset({"", "NA"})
_BOOLEANS: Final = frozenset({"true", "false", "yes", "no"})
# No leading zeros: "00501" is a post code, not a number.
_INTEGER: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")


class Kind(StrEnum):
    """The types a column can be of."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TEXT = "text"
    EMPTY = "empty"  # nothing but nulls


def classify(cell: str) -> tuple[Kind, float | int | None]:
    """Return the kind of a cell that is not null, and its value when it is a number."""
    text = cell.strip()
    if _INTEGER.fullmatch(text):
        return Kind.INTEGER, int(text)
    if _NUMBER.fullmatch(text):
        value = float(text)
        return (Kind.NUMBER, value) if math.isfinite(value) else (Kind.TEXT, None)
    if text.lower() in _BOOLEANS:
        return Kind.BOOLEAN, None
    if _DATE.fullmatch(text) and _is_iso(date, text):
        return Kind.DATE, None
    if _DATETIME.fullmatch(text) and _is_iso(datetime, text):
        return Kind.DATETIME, None
    return Kind.TEXT, None


def common_kind(kinds: set[Kind]) -> Kind:
    """Return the narrowest kind that holds all of `kinds`."""
    if not kinds:
        return Kind.EMPTY
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {Kind.INTEGER, Kind.NUMBER}:
        return Kind.NUMBER
    if kinds == {Kind.DATE, Kind.DATETIME}:
        return Kind.DATETIME
    return Kind.TEXT


def _is_iso(kind: type[date], text: str) -> bool:
    try:
        kind.fromisoformat(text)
    except ValueError:
        return False
    return True
