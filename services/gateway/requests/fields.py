"""Reads the members of a JSON object one by one and collects what is wrong with them. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

from services.gateway.refusals import Fault, Invalid
from services.gateway.times import parse_rfc3339

Value = TypeVar("Value")
Word = TypeVar("Word", bound=StrEnum)
Rule = Callable[[object], Value]
"""Returns the value as we keep it; raises Broken."""


class Broken(Exception):
    """A value breaks its rule; the text says what the rule is, as a sentence."""


class Fields:
    """The members of one object; `faults` grows with every member that breaks its rule."""

    def __init__(self, members: object) -> None:
        """Take the parsed body.

        Raises:
            Invalid: it is no object.
        """
        if not isinstance(members, dict):
            raise Invalid(errors=[Fault("This must be an object.", "")])
        self.faults: list[Fault] = []
        self._members: Mapping[str, object] = members
        self._asked: list[str] = []
        self._found = 0

    def required(self, name: str, rule: Rule[Value]) -> Value | None:
        """Return the member, or None after noting a fault."""
        self._asked.append(name)
        if name not in self._members:
            self.faults.append(Fault("This is required.", pointer(name)))
            return None
        self._found += 1
        return self._apply(name, rule)

    def optional(self, name: str, rule: Rule[Value]) -> Value | None:
        """Return the member, or None when it is missing, null, or at fault."""
        self._asked.append(name)
        if name not in self._members:
            return None
        self._found += 1
        return None if self._members[name] is None else self._apply(name, rule)

    def fault(self, name: str, detail: str, *within: str) -> None:
        """Note a fault of the member `name`, or of what is at the path `within` it."""
        self.faults.append(Fault(detail, pointer(name, *within)))

    def finish(self) -> None:
        """Say what was wrong, members that nobody asked for included.

        Raises:
            Invalid: with a fault for each.
        """
        if self._found < len(self._members):
            for name in self._members:
                if name not in self._asked:
                    self.fault(name, "This field is not known.")
        if self.faults:
            raise Invalid(errors=self.faults)

    def _apply(self, name: str, rule: Rule[Value]) -> Value | None:
        try:
            return rule(self._members[name])
        except Broken as broken:
            self.fault(name, str(broken))
            return None


def pointer(*path: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def an_object(value: object) -> dict[str, object]:
    """Demand an object."""
    if not isinstance(value, dict):
        raise Broken("This must be an object.")
    return value


def a_flag(value: object) -> bool:
    """Demand true or false."""
    if not isinstance(value, bool):
        raise Broken("This must be true or false.")
    return value


def a_text(*, longest: int, shortest: int = 0) -> Rule[str]:
    """Demand a string of so many characters."""
    bounds = f"{shortest} to {longest}" if shortest else f"at most {longest}"

    def rule(value: object) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise Broken(f"This must be a string of {bounds} characters.")
        return value

    return rule


def one_of(words: type[Word]) -> Rule[Word]:
    """Demand one of the words of an enumeration."""
    known = ", ".join(words)

    def rule(value: object) -> Word:
        if not isinstance(value, str) or value not in list(words):
            raise Broken(f"This must be one of: {known}.")
        return words(value)

    return rule


def a_name(pattern: re.Pattern[str]) -> Rule[str]:
    """Demand a string that `pattern` matches whole."""

    def rule(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Broken(f"This must be a string that matches {pattern.pattern}.")
        return value

    return rule


def a_whole_number(least: int, most: int) -> Rule[int]:
    """Demand an integer within bounds, both included; 5.0 is one, as JSON Schema has it."""

    def rule(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Broken(f"This must be a whole number from {least} to {most}.")
        return value

    return rule


def seconds_as_ms(most: int) -> Rule[int]:
    """Demand seconds from 0 to `most`, a fraction allowed; return ms."""

    def rule(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise Broken(f"This must be a number of seconds from 0 to {most}.")
        return math.ceil(value * 1000)

    return rule


def a_moment(value: object) -> int:
    """Demand an RFC 3339 time with its offset; return ms since the epoch."""
    moment = parse_rfc3339(value) if isinstance(value, str) else None
    if moment is None:
        raise Broken("This must be an RFC 3339 time, such as 2030-01-31T09:30:00Z.")
    return moment
